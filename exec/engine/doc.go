// Package engine keeps model servers warm and shares them between requests,
// and provides what a node needs to run inference out of the box.
//
// An engine is an OCI image that serves the OpenAI HTTP API in a sandbox, on a
// unix socket or on a port of a loopback of its own; node/docs/engines.md is
// the contract, and exec/engine/enginetest checks it. A Pool starts engines
// through an exec.Runner when they are asked for, looks after their health,
// gives out slots for requests (fair between tenants, first come first served
// within one), evicts idle engines when another needs the memory, and starts
// crashed ones again. Images that do not know the contract run by an Adapter,
// which is data.
//
//	cold -> queued -> starting -> ready -> stopping -> cold
//	           ^          |         |
//	           +- backoff <---------+-> failed
//
// The default engine is the program infernet-llm, built by make from the module
// in exec/engine/llm, which is apart so that llama.cpp and cgo stay out of the
// node. On x86-64 there is a second one, for processors of level v3, which the
// first becomes where it can. This package finds the programs and wraps them
// into an OCI image that holds nothing else; equal programs give equal digests
// on every machine, and without the second the image holds the first. The
// demonstration model is small enough to live in the source.
//
// What an engine says is a stranger's word: headers are bounded, errors carry
// its last words only quoted and cut. Bodies are passed on as they come, and
// the one who reads them bounds them. The package refuses to read requests, to
// retry them, and to know what a price or a peer is. It is called by node and
// node/serving; it downloads nothing.
package engine
