package reputation

import (
	"errors"
	"fmt"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// Keys of the ledger:
//
//	receipt/ID                                the record
//	attempt/JOB/SHARD/ATTEMPT/PROVIDER/PAYER  id of the payer's one receipt of that
//	                                          attempt; with /provider, of the provider's
//	peer/KEY/TIME/SEQ/ID                      for both parties and in order of time, the
//	                                          Evidence about that party or nothing, so that
//	                                          a score takes no signature to be checked again
//	chain/AUTHOR/OTHER/SEQ                    id of the receipt in that place
//	head/OTHER                                the last of this node's own chain
//	fork/AUTHOR/ID                            two receipts of which one is false
//	moved/PEER                                the networks it was seen in
func recordKey(id wire.ID) []byte { return []byte("receipt/" + id.String()) }

func attemptKey(r wire.Receipt, author identity.PubKey) []byte {
	k := fmt.Appendf(nil, "attempt/%s/%08x/%08x/%s/%s", r.Job, r.Shard, r.Attempt, r.Provider.Hex(), r.Payer.Hex())
	if author == r.Provider {
		k = append(k, "/provider"...)
	}
	return k
}

func peerKey(peer identity.PubKey, rec Record) []byte {
	k := fmt.Appendf(nil, "peer/%s/%016x/", peer.Hex(), rec.Signed.Unix())
	if rec.Receipt.Seq > 0 { // dates are whole seconds: within one the chain gives the order
		k = fmt.Appendf(k, "%016x/", rec.Receipt.Seq)
	}
	return append(k, rec.ID.String()...)
}

func chainPrefix(author, other identity.PubKey) string {
	return "chain/" + author.Hex() + "/" + other.Hex() + "/"
}

func chainKey(author, other identity.PubKey, seq uint64) []byte {
	return fmt.Appendf([]byte(chainPrefix(author, other)), "%016x", seq)
}

func headKey(other identity.PubKey) []byte { return []byte("head/" + other.Hex()) }

func forkPrefix(author identity.PubKey) string { return "fork/" + author.Hex() + "/" }

func movedKey(peer identity.PubKey) []byte { return []byte("moved/" + peer.Hex()) }

// getID returns the id stored under key, zero when there is none.
func getID(r store.Reader, key []byte) (wire.ID, error) {
	raw, err := r.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return wire.ID{}, nil
	}
	if err != nil {
		return wire.ID{}, err
	}
	id, err := wire.ParseID(string(raw))
	if err != nil {
		return id, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return id, nil
}
