package sim

import (
	"bytes"
	"slices"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

const (
	day       = 24 * time.Hour
	slandered = 32 // peers that a slanderer speaks badly of in a day
	network   = "sim"
)

// gossip lets everybody say once a day what it thinks of the others. All
// documents reach all clients: how they travel is package gossip's.
func (w *world) gossip() {
	w.after(day, func() error {
		if w.now.After(w.start.Add(w.span())) {
			return nil
		}
		w.gossip()
		docs, err := w.digests()
		if err != nil {
			return err
		}
		for _, c := range w.clients {
			for _, d := range docs {
				if d.PubKey != c.key.PubKey() {
					// One that is stale or too much is left out, as a node does.
					_, _ = c.book.Opinions().Add(d, w.now)
				}
			}
		}
		return nil
	})
}

// digests are those of clients, by their receipts, and of players that lie.
func (w *world) digests() (docs []wire.Event, err error) {
	for _, c := range w.clients {
		if own, err := c.book.Opinions().Own(c.key, network, w.now); err == nil {
			docs = append(docs, own)
		}
	}
	for _, p := range w.providers {
		if p.gone {
			continue
		}
		var m wire.Digest
		switch p.player.strategy {
		case Slander:
			m = w.slander(p)
		case Sybil, Ring, Collude:
			m = w.praise(p)
		default:
			continue
		}
		d, err := wire.Seal(p.key, m, w.now)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// slander is a digest of lies: everybody else is bad, after much that was paid.
func (w *world) slander(p *provider) wire.Digest {
	return w.opinions(func(o *provider) bool { return o.player.strategy != Slander }, func(key identity.PubKey) wire.Opinion {
		return wire.Opinion{Subject: key, Bad: 200, Value: 200}
	})
}

// praise is a digest of the like: one of a ring has paid much to the others.
func (w *world) praise(p *provider) wire.Digest {
	return w.opinions(func(o *provider) bool { return o != p && o.player.strategy == p.player.strategy }, func(key identity.PubKey) wire.Opinion {
		return wire.Opinion{Subject: key, Good: 200, Value: 200}
	})
}

func (w *world) opinions(of func(*provider) bool, say func(identity.PubKey) wire.Opinion) wire.Digest {
	m := wire.Digest{Network: network}
	for _, i := range w.rng.Perm(len(w.providers)) {
		if o := w.providers[i]; len(m.Rows) < slandered && !o.gone && of(o) {
			row := say(o.key.PubKey())
			row.Day = uint16(w.now.Unix() / int64(day/time.Second))
			m.Rows = append(m.Rows, row)
		}
	}
	slices.SortFunc(m.Rows, func(a, b wire.Opinion) int { return bytes.Compare(a.Subject[:], b.Subject[:]) })
	return m
}
