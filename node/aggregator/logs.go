package aggregator

import (
	"context"
	"time"

	"infernet.tech/infernet/node/tasklog"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/wire"
)

// followLog copies a task's live output to those who watch the job. Output is
// a convenience: when it cannot be had the attempt goes on without.
func (d *Driver) followLog(ctx context.Context, at *attempt) {
	req := wire.Progress{Job: at.j.ID, Shard: at.Shard, Attempt: at.Wire, State: "logs"}
	signed, err := wire.Seal(d.Key, req, time.Now())
	if err != nil {
		return
	}
	s, err := d.Peers.Open(ctx, at.Provider, p2p.ProtoLog)
	if err != nil {
		d.Log.Debug("follow output", "err", err)
		return
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	if err := wire.WriteEvent(s, signed); err != nil {
		return
	}
	for {
		c, err := tasklog.Read(s.Reader)
		if err != nil {
			return
		}
		at.a.feed.log(at.Shard, at.Wire, at.Provider, c)
	}
}
