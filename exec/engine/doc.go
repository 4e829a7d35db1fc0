// Package engine provides what a node needs to run inference out of the box:
// the default engine's image and a model small enough to live in the source.
//
// The engine itself is the program infernet-llm, built by make from the module
// in exec/engine/llm, which is apart so that llama.cpp and cgo stay out of the
// node. This package finds that program and wraps it into an OCI image that
// holds nothing else; equal programs give equal digests on every machine.
//
// The package runs nothing and downloads nothing: exec/containerd runs the
// image, and the node's content store makes it and the model known by CID. It
// is called by node, when the default image or the demonstration model is
// asked for by name.
package engine
