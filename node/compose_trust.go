package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"infernet.tech/infernet/gossip"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

const (
	// opinionEvery is how often this node tells what it thinks of others, give or
	// take a twelfth, so that not everybody speaks at once.
	opinionEvery = 24 * time.Hour
	// opinionAnew is after how long the same is told again.
	opinionAnew = 30 * 24 * time.Hour
	// firstOpinion is how soon after its start a node speaks: one that runs for
	// an hour a day has something to say too.
	firstOpinion = 2 * time.Minute
	// keptReceipts is for how long receipts are kept: after six half-lives they
	// weigh next to nothing.
	keptReceipts = 180 * 24 * time.Hour
	// waitingProofs is how many proofs wait to be told; more come by sync.
	waitingProofs = 16
)

// composeTrust builds what this node knows of others and how it hears of them.
func (n *Node) composeTrust() (err error) {
	params := reputation.Default()
	params.Network = n.cfg.Network
	n.trust, err = reputation.NewBook(n.key.PubKey(), store.Prefix(n.db, "receipts/"), params)
	if err != nil {
		return fmt.Errorf("reputation: %w", err)
	}
	n.book = n.trust.Ledger()
	n.profiles = profiles{lib: n.lib, names: store.Prefix(n.db, "profiles/")}
	n.proofs = make(chan wire.Event, waitingProofs)
	c := gossip.Default()
	c.Standing, c.Trusted = n.standing, n.trusted
	n.gossip, err = gossip.New(c, n.host, opinions{n}, n.log.With("in", "gossip"))
	return err
}

// scored is a ledger whose scores count the word of others too.
type scored struct {
	*reputation.Ledger
	book *reputation.Book
}

// Score is the peer's standing, whatever it is asked to do.
func (s scored) Score(now time.Time, peer identity.PubKey) (float64, error) {
	x, err := s.book.Standing(now, peer, reputation.App{}, "")
	return x.Score, err
}

// trustUnits are the parts of it that run.
func (n *Node) trustUnits() []unit {
	return []unit{
		{name: "gossip", run: n.gossip.Run, ready: n.gossip.Ready(), needs: after(n.host.Ready()), detail: n.gossipDetail},
		{name: "opinions", run: n.speak, needs: after(n.gossip.Ready())},
	}
}

func (n *Node) gossipDetail() string {
	s := n.gossip.Stats()
	return fmt.Sprintf("%d peers, %d documents known, %d taken, %d refused",
		s.Peers, n.trust.Opinions().Len(), s.Accepted+s.Synced, s.Refused)
}

// standing is what gossip asks of the book about a peer.
func (n *Node) standing(p identity.PubKey) (score float64, fraud bool) {
	s, err := n.trust.Standing(time.Now(), p, reputation.App{}, "")
	if err != nil {
		n.log.Warn("read the ledger", "err", err)
		return 0, false
	}
	return s.Score, s.Fraud
}

// trusted lists those whose word is asked for first.
func (n *Node) trusted() []identity.PubKey { return n.cfg.Trust.validators() }

// speak publishes this node's opinions once a day and forgets what is past its
// time, its own and others'.
func (n *Node) speak(ctx context.Context) error {
	next := time.NewTimer(min(firstOpinion, n.opining))
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev := <-n.proofs:
			n.publish(ctx, ev)
			continue
		case <-next.C:
		}
		now := time.Now()
		if err := n.tidy(now); err != nil {
			n.log.Error("forget old receipts", "err", err)
		}
		if err := n.opine(ctx, now); err != nil {
			n.log.Warn("opinions not told", "err", err)
		}
		next.Reset(n.opining - n.opining/12 + drawn(n.opining/6+1))
	}
}

func (n *Node) publish(ctx context.Context, ev wire.Event) {
	if err := n.gossip.Publish(ctx, ev); err != nil {
		n.log.Warn("document not published", "kind", ev.Kind, "err", err)
	}
}

// drawn is a random time below most.
func drawn(most time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(most)))
	if err != nil {
		return most / 2
	}
	return time.Duration(n.Int64())
}

func (n *Node) tidy(now time.Time) error {
	_, errLedger := n.book.Prune(now.Add(-keptReceipts))
	_, errOpinions := n.trust.Opinions().Prune(now)
	return errors.Join(errLedger, errOpinions)
}

// opine signs and publishes this node's digest. One who has dealt with nobody
// has nothing to say.
func (n *Node) opine(ctx context.Context, now time.Time) error {
	if peers, err := n.book.Peers(); err != nil || len(peers) == 0 {
		return err
	}
	forks, err := n.trust.Accuse(n.key, now)
	for _, ev := range forks {
		n.publish(ctx, ev)
	}
	if err != nil {
		return err
	}
	if news, err := n.news(now); err != nil || !news {
		return err
	}
	digest, err := n.trust.Opinions().Own(n.key, n.cfg.Network, now)
	if errors.Is(err, reputation.ErrNothing) {
		return nil
	}
	if err != nil {
		return err
	}
	return n.gossip.Publish(ctx, digest)
}

// news tells whether this node learned anything of anybody since it last told,
// or told so long ago that others may have forgotten.
func (n *Node) news(now time.Time) (bool, error) {
	told, at, ok := n.trust.Opinions().Digest(n.key.PubKey())
	if !ok || now.Sub(time.Unix(at, 0)) > opinionAnew {
		return true, nil
	}
	d, err := n.book.Digest(now, n.cfg.Network)
	if err != nil {
		return false, err
	}
	day := uint16(at / 86400)
	return len(d.Rows) != len(told.Rows) || slices.ContainsFunc(d.Rows, func(o wire.Opinion) bool { return o.Day >= day }), nil
}

// proof tells everybody what documents prove of a peer. It is made in the midst
// of a conversation, which does not wait for it.
func (n *Node) proof(p wire.FraudProof) {
	ev, err := n.trust.Report(n.key, p, time.Now())
	switch {
	case errors.Is(err, reputation.ErrStale): // known already
		return
	case err != nil:
		n.log.Error("proof of fraud not kept", "subject", p.Subject.Short(), "fault", p.Fault, "err", err)
		return
	}
	n.log.Warn("fraud proven", "subject", p.Subject.String(), "fault", p.Fault, "proof", ev.ID)
	select {
	case n.proofs <- ev:
	default: // others learn of it by the next sync
	}
}

// betrayed is told of the documents by which a client breaks its word.
func (n *Node) betrayed(fault string, docs ...wire.Event) {
	if len(docs) > 0 {
		n.proof(wire.FraudProof{Subject: docs[0].PubKey, Fault: fault, Docs: docs})
	}
}

// opinions is the replicated set as gossip sees it.
type opinions struct{ n *Node }

var _ gossip.Set = opinions{}

// Items implements gossip.Set.
func (o opinions) Items() []gossip.Item {
	entries := o.n.trust.Opinions().Items()
	out := make([]gossip.Item, len(entries))
	for i, e := range entries {
		out[i] = gossip.Item{At: e.At, ID: e.ID}
	}
	return out
}

// Get implements gossip.Set.
func (o opinions) Get(id [32]byte) ([]byte, bool) {
	ev, ok := o.n.trust.Opinions().Get(id)
	if !ok {
		return nil, false
	}
	return ev.Bytes(), true
}

// Add implements gossip.Set. Only what is no document, or a false one, is the
// fault of who sent it on.
func (o opinions) Add(raw []byte, _ identity.PubKey) (bool, error) {
	ev, err := wire.Parse(raw)
	if err != nil {
		return false, err
	}
	fresh, err := o.n.trust.Opinions().Add(ev, time.Now())
	if err != nil && !errors.Is(err, reputation.ErrFalse) {
		return false, fmt.Errorf("%w: %w", gossip.ErrIgnore, err) // old, early, no room, or our own store's fault
	}
	return fresh, err
}
