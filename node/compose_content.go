package node

import (
	"context"
	"fmt"
	"io"
	"time"

	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/delivery"
	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

// openLibrary opens what the node keeps. It knows nobody yet; see network.
func (n *Node) openLibrary() error {
	c := blob.Config{Quota: n.cfg.Content.Quota, InUse: n.inUse}
	blobs, err := blob.Open(n.cfg.path("blobs"), store.Prefix(n.db, "blob/"), c)
	if err != nil {
		return fmt.Errorf("content store: %w", err)
	}
	n.lib = content.New(blobs, store.Prefix(n.db, "content/"), n.host, n.cfg.path("layouts"), n.log.With("in", "content"))
	n.lib.SetBuiltin(builtin{})
	return n.sweepCARs()
}

// inUse are the blobs that live work needs, which no room is made of.
func (n *Node) inUse() []string {
	if n.agg == nil || n.working == nil {
		return nil // nothing is composed yet, so nothing works
	}
	return append(n.agg.InUse(), n.working()...)
}

// composeContent builds what finds content at others and accounts for what
// moves. Host, table, rail and ledger are there before it.
func (n *Node) composeContent() (err error) {
	c := delivery.Default()
	mine := n.cfg.Content
	c.Rate, c.PeerRate, c.Cap, c.Price = mine.Rate, mine.PeerRate, mine.DailyCap, mine.Price
	n.deliver, err = delivery.New(c, delivery.Deps{
		Key: n.key, Store: store.Prefix(n.db, "delivery/"), Rail: n.rail, Ledger: n.book, Dial: n.dialJob,
		Penalise: n.host.Penalise, Log: n.log.With("in", "delivery"), Now: time.Now,
	})
	if err != nil {
		return fmt.Errorf("delivery: %w", err)
	}
	n.whoHas = holders.New(holders.Deps{
		Host: n.host, Table: n.dht, Local: n.lib, Log: n.log.With("in", "holders"),
	})
	n.lib.SetNetwork(content.Network{
		Key: n.key, Holders: n.whoHas, Delivery: n.deliver, Announce: n.dht.ProvideContent,
		Penalise: n.host.Penalise, Price: mine.Price, Private: mine.Private,
	})
	return nil
}

// dialJob opens a stream for documents about what was delivered.
func (n *Node) dialJob(ctx context.Context, peer identity.PubKey) (io.ReadWriteCloser, error) {
	return n.host.Open(ctx, peer, p2p.ProtoJob)
}

// contentUnits are the parts that run.
func (n *Node) contentUnits() []unit {
	return []unit{
		{name: "delivery", run: n.deliver.Run, needs: after(n.host.Ready())},
		{name: "content", run: n.lib.Run, needs: after(n.dht.Ready())},
	}
}
