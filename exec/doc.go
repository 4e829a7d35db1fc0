// Package exec says what it is to run a Task in a sandbox, and nothing of how.
//
// A Task is a stranger's program in an OCI image, with read-only inputs, one
// folder that receives its result, and limits. A Runner starts it and tells
// how it ended. What the program sees is fixed:
//
//	/in     read-only: the input of this task
//	/model  read-only: the model file or folder, where the task has one
//	/out    empty, writable, capped by Limits.DiskBytes: the result
//	/tmp    small, writable, in memory, thrown away
//
// It has no network, no standard input, no privileges, and an environment made
// of the image's own (without loader and GPU variables) and Task.Env.
//
// A Task may serve: its program listens on a unix socket in /run/engine, or on
// a port of the loopback which it has for itself, and Handle.Dial connects to
// it from outside. What it answers is a stranger's word, to be bounded by the
// one who dialled.
//
// The package refuses to know what a job, a payment or a peer is: the node
// translates its shards into Tasks. It is called by node; it is implemented by
// exec/containerd (real) and exec/exectest (scripted, for tests). Both pass
// exectest.Conformance.
package exec
