// Package flow computes how much can pass through a network of pipes from one
// place to another: the maximum flow, in whole units, by Dinic's algorithm
// (E. A. Dinic, Soviet Math. Doklady 11, 1970).
//
// It knows nothing of what flows and of who asks, and takes no negative or
// fractional capacities. The same edges give the same answer in any order.
// Package reputation calls it to bound what a stranger's word is worth.
package flow
