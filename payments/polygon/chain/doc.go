// Package chain is everything between the polygon rail and an EVM chain: reading
// it through one to three RPC endpoints that are not believed singly, signing
// with a key that is not the node's, sending transactions at most once each, and
// following a contract's events.
//
// What is read for money is read at the newest block that every endpoint asked
// calls final, from at least Config.Quorum of them, and has to be the same from
// all: else the answer is ErrDisagree, ErrStale or ErrUnreachable and no value.
// No text and no error of an endpoint decides anything: whether a transaction
// happened is asked of the chain until its block is final.
//
// A transaction is an Op under a ref of the caller's. The Sender journals it,
// signed and with its nonce, before it leaves, and never runs one ref twice:
//
//	state      to                         means
//	queued     pending failed             written down; no nonce, nothing signed
//	pending    mined final replaced       signed under a nonce, sent or about to be
//	mined      pending final failed       in a block that may yet go away
//	final      -                          in a final block, done as asked
//	failed     -                          refused before it had a nonce, or reverted in a final block
//	replaced   -                          another transaction has its nonce, in a final block
//
// It refuses a chain of another id than the profile's, an answer over its size,
// plain HTTP to the outside, a key file others can read, the node's own key, a
// signer that changes what it was given, a gas price over the ceiling (it waits
// and says so), and any spending on gas without a Budget. The polygon rail calls
// it; it knows neither the contract's meaning nor peers.
package chain
