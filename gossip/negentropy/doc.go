// Package negentropy finds out what two sets of dated ids lack of each other,
// by range-based set reconciliation (Meyer, arXiv 2212.13567) in the binary
// messages of Negentropy protocol version 1 (NIP-77 sends the same in hex).
//
// It takes messages from strangers: what they claim is checked against their
// length before memory is taken, ranges only go forward, answers stay within
// the limit given, and none makes it panic. It knows nothing of documents,
// streams or peers, and has no clock. Called by gossip and by gossip/model.
package negentropy
