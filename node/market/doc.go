// Package market decides which providers a job could use, and in what order.
//
// It is a pure function of what was asked, what providers signed and the policy
// of the one who asks: no clock, no network, no randomness but a seed. Every
// provider left out keeps the first predicate that failed and the smallest
// change that would have made it match, so that a waiting job can say why.
//
// It refuses to find providers, to ask for quotes and to verify signatures: the
// node does that and hands the results in.
package market
