// Package store is the node's one database: ordered keys and small values,
// with transactions, kept by Badger on disk or by a sorted slice in memory.
//
// It refuses to hold bulk data (package store/blob keeps bytes in plain files
// and only their index here), to open a directory that another process has
// open, and to open a database written by a newer version of the program.
//
// Package node opens it once and gives each subsystem its own view with
// [Prefix]; payments, reputation and store/blob keep their records in theirs.
package store
