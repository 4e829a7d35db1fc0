// Package choose ranks the providers that could answer a request. It is pure:
// what is known of each comes in, weights with their reasons come out.
//
// It refuses winner-takes-all: the softmax of the scores is mixed with an even
// share for everyone eligible, so that a newcomer is tried and no provider can
// have all of a client's requests by being a little cheaper.
//
// Package node/infer calls it.
package choose
