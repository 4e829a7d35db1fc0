// Package enginetest holds an engine to the contract of node/docs/engines.md,
// over HTTP and nothing else: it is what `infernet image test` runs, and what
// the tests of this repository run on the engines here.
//
// Check asks and judges; it refuses to trust what is answered: every answer is
// bounded, and so is the time of each check. What is "must" an engine needs to
// be offered to others; what is "should" they are better off with. Findings
// whose name begins with "can " are capabilities, which an engine may lack.
package enginetest
