// Package evm runs a private EVM chain: go-ethereum's own node, transaction
// pool, RPC server and database, with blocks made on demand by its simulated
// beacon, as `geth --dev` does. Package chaintest runs it in the test's process,
// the program devchain as a process of its own.
//
// Its accounts' keys are public. It has no peers and listens on loopback only;
// nothing of it goes into the node.
package evm
