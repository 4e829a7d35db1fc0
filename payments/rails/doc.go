// Package rails is all the rails of a node behind one face: an amount finds its
// rail by its unit, a ref by who has it in its journal, a stream by its first
// document.
//
// No two rails share a unit, so that an amount says by itself how it is paid;
// nothing is ever exchanged between them. A rail may join while the node runs,
// when its owner connects a wallet, and is there until the node ends. While the
// money behind one cannot be reached, nothing new is agreed on it.
//
// It refuses a payment in a unit that no rail carries, and a second rail of one
// name or unit. The node composes it and hands it to all who pay or are paid.
package rails
