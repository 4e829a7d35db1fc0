// Package storetest holds the suite that every implementation of store.Store
// passes. It refuses to know which implementation it runs on; the tests of
// package store call it for each.
package storetest
