// Package psabi tells the micro-architecture level of an x86-64 processor, as
// the System V psABI defines them: what a program compiled with
// -march=x86-64-v3 may use without asking.
//
// A node's hardware class and the default engine's choice between its two
// programs both come from here, and that is the reason for a package: were a
// machine of class v3 to run the plain program, two honest machines of one
// class would differ in the last bits. It asks the processor alone, knows no
// other architecture, and imports nothing. It is called by exec and by
// exec/engine/llm, which is a module of its own.
package psabi
