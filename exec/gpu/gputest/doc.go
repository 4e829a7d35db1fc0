// Package gputest makes machines with GPUs out of text: trees of /proc, /sys,
// /dev and libraries, and what a driver's tools print, for tests on machines
// that have none. It is for tests only.
//
// A tree is a txtar file in trees. A file's name is its path; these prefixes
// make other things of it:
//
//	link:PATH   a symbolic link to what the content says
//	char:PATH   a device node with the numbers in the content, "195 0"
//	elf:PATH    an empty library of this processor; elf32: of 32 bits
//	cache:PATH  an ld.so.cache with lines of "name path"
//	run:WORDS   what a command prints that starts with those words; a first
//	            line "exit N" makes it fail after printing
package gputest
