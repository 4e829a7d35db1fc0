package account

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Settler makes what is owed by notes good with money. A rail without one is
// mutual credit and nothing else.
type Settler interface {
	// Due tells the payer's side that a note to peer was countersigned. It only
	// wakes: it must not block, and nothing may depend on its being called.
	Due(peer identity.PubKey)
	// Serve answers one document that came on the pay stream and is no note. It
	// was signed by peer; whether it is fresh was not asked. One answer for each
	// document is what Ask reads. An error that is ErrNote blames the peer, any
	// other is this node's own; after either the stream ends.
	Serve(ctx context.Context, peer identity.PubKey, e wire.Event) (answers []wire.Event, err error)
}

// Coverer is a Settler that knows of money which is set aside for what a peer
// will owe, and which nobody can have at once.
type Coverer interface {
	// Cover is how much more than its limit peer may owe for that, in the caller's
	// transaction.
	Cover(tx store.Reader, peer identity.PubKey) (uint64, error)
}

// window is how much the peer of that account may owe now: its limit, and what
// is covered.
func (r *Rail) window(tx store.Reader, peer identity.PubKey, a account) (uint64, error) {
	limit := r.cfg.limit(peer, a, r.clock())
	by, ok := r.settler.(Coverer)
	if !ok {
		return limit, nil
	}
	cover, err := by.Cover(tx, peer)
	return limit + min(cover, payments.MaxValue-limit), err
}

// Overdrawn is how much of what peer owes, or is expected to, is over its window:
// what was accepted under a cover that is gone.
func (r *Rail) Overdrawn(tx store.Reader, peer identity.PubKey) (uint64, error) {
	a, _, err := load(tx, peer)
	if err != nil {
		return 0, err
	}
	window, err := r.window(tx, peer, a)
	used := a.owed(r.cfg.Net) + int64(min(a.Reserved, payments.MaxValue))
	return uint64(max(used-int64(window), 0)), err
}

// Use attaches a Settler. It is called before Run, Pay and ServeStream or not at
// all.
func (r *Rail) Use(s Settler) { r.settler = s }

// Ask opens a pay stream to peer, sends the documents one after the other and
// returns the answer to each, a wire.Error among them too. All of it takes no
// longer than Config.Exchange. An error of ErrUnreachable says that nothing was
// sent; with any other the answers that came are returned and whether more was
// done is not known.
func (r *Rail) Ask(ctx context.Context, peer identity.PubKey, events ...wire.Event) ([]wire.Event, error) {
	conn, err := r.dial(ctx, peer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", payments.ErrUnreachable, err)
	}
	defer conn.Close()
	done := bound(ctx, conn, r.cfg.Exchange)
	defer done()
	in := bufio.NewReader(conn)
	var answers []wire.Event
	for _, e := range events {
		if err := wire.WriteEvent(conn, e); err != nil {
			return answers, fmt.Errorf("send %s: %w", e.Kind, err)
		}
		a, err := wire.ReadEvent(in)
		if err != nil {
			return answers, fmt.Errorf("read answer to %s: %w", e.Kind, err)
		}
		if a.PubKey != peer {
			return answers, errors.New("answer is signed by someone else")
		}
		answers = append(answers, a)
	}
	return answers, nil
}

// serveOther answers what is no note.
func (r *Rail) serveOther(ctx context.Context, peer identity.PubKey, conn Conn, e wire.Event) error {
	if e.PubKey != peer {
		return fmt.Errorf("%w: signed by %s", ErrNote, e.PubKey.Short())
	}
	var answers []wire.Event
	var err error
	switch {
	case r.settler != nil:
		answers, err = r.settler.Serve(ctx, peer, e)
	case e.Kind == wire.KindPayTermsAsk:
		answers, err = r.serveTerms(peer, e)
	default:
		err = fmt.Errorf("%w: a %s on rail %s", ErrNote, e.Kind, r.cfg.Name)
	}
	for _, a := range answers {
		if werr := wire.WriteEvent(conn, a); werr != nil {
			return errors.Join(err, werr)
		}
	}
	return err
}

func (r *Rail) serveTerms(peer identity.PubKey, e wire.Event) ([]wire.Event, error) {
	ask, err := wire.Decode[wire.PayTermsAsk](e)
	if err != nil || ask.Rail != r.cfg.Name {
		return nil, fmt.Errorf("%w: asked on rail %s for %.40q: %w", ErrNote, r.cfg.Name, ask.Rail, err)
	}
	t, err := r.Terms(peer, e.ID)
	if err != nil {
		return nil, err
	}
	a, err := wire.Seal(r.key, t, r.clock())
	return []wire.Event{a}, err
}

// Terms is what this side answers to a PayTermsAsk of peer: the books. A Settler
// adds where to pay.
func (r *Rail) Terms(peer identity.PubKey, ask wire.ID) (t wire.PayTerms, err error) {
	err = r.s.View(func(tx store.Reader) error {
		a, _, err := load(tx, peer)
		if err != nil {
			return err
		}
		d := r.owed(peer, a)
		t = wire.PayTerms{
			Ask: ask, Rail: r.cfg.Name, Unit: string(r.cfg.Unit), Limit: d.Limit,
			Seq: d.Seq, Owed: d.Total, Settled: d.Settled, Root: d.Root, BackSeq: a.Paid.Seq, Back: a.Paid.Total,
		}
		return nil
	})
	return t, err
}
