// Package imagetest tries an engine's image against the contract of
// node/docs/engines.md: it starts the image as a provider would, on a private
// containerd and through engine.Pool, and holds it to exec/engine/enginetest.
//
// What is wrong with an image is a result, with the check that found it, and
// no error; errors are what kept the package from trying. It refuses to keep
// anything: containers, mounts and files go when it ends, and what a killed run
// left goes with the next one. All that an engine says is quoted and cut. It
// prints nothing; the verb "image test" calls it.
package imagetest
