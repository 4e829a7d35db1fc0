// Package nodetest runs whole nodes in one process, for tests of what only
// several of them can show. The nodes are real: real keys, libp2p on loopback,
// local APIs. Only the sandbox is scripted (exectest), so that a hundred tasks
// cost milliseconds and need no rights.
package nodetest
