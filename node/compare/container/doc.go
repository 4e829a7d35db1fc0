// Package container compares results by a program of the client's own, in a
// sandbox.
//
// The program sees one result in /in/a and the other in /in/b, read-only, and
// nothing else: no network, no names, no times, no model, and nothing of which
// result is whose. It ends with
//
//	0  they match
//	1  they do not
//	2  nobody can tell
//
// All other ends are inconclusive: another code, a signal, too much memory or
// time. What it prints is quoted, and decides nothing. A program whose runtime
// ends with 1 when something goes wrong, as that of Python does, should catch
// what goes wrong and end with 2.
//
// The program reads what strangers made. So results that are equal byte for byte
// match without it, and no others by its word alone: it is asked twice, with the
// results changed round, and a match holds only if it does not find either the
// same as an empty folder. That keeps a result from making the program say yes to
// anything; it does not make up for a program that can be taken over. Only
// regular files and folders are put before it, within bounds.
//
// The package refuses to fetch images and results and to decide what follows from
// an answer. It is called by package node.
package container
