package nodetest

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"infernet.tech/infernet/node/tasklog"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/credit"
	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

// Boss is an aggregator made of the wire alone. It has one small job and helps
// a test to say honest things of it, or nearly honest ones.
type Boss struct {
	*Peer
	Blobs *blob.Store
	Rail  *credit.Rail
	Offer wire.JobOffer
	input blob.Info
	image blob.Info
}

// Boss makes an aggregator with a job of eight shards of five units each.
func (c *Cluster) Boss() *Boss {
	t := c.t
	t.Helper()
	b := &Boss{Peer: c.Peer()}
	var err error
	if b.Blobs, err = blob.Open(filepath.Join(t.TempDir(), "blobs"), store.NewMem(), blob.Config{}); err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, p identity.PubKey) (credit.Conn, error) {
		return b.Host.Open(ctx, p, p2p.ProtoPay)
	}
	b.Rail, err = credit.New(credit.Default(), b.Key, store.NewMem(), dial, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	limits := p2p.StreamLimits{Total: 256, PerPeer: 64, Life: time.Hour, Idle: time.Minute}
	b.Host.Handle(p2p.ProtoBlob, limits, func(ctx context.Context, s *p2p.Stream) {
		_ = b.Blobs.ServeStream(ctx, s, nil)
	})
	dir, _ := Lines(t, 5)
	if b.input, err = b.Blobs.AddTree(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if b.image, err = b.Blobs.AddTree(t.Context(), Image(t)); err != nil {
		t.Fatal(err)
	}
	b.Offer = wire.JobOffer{
		Job: wire.RandomID(), Name: "bossed", Image: "sha256:" + wire.RandomID().String(), ImageCID: b.image.CID,
		Comparator: "exact", Shards: 8, UnitsPerShard: 5,
		CPUMillis: 1000, MemoryBytes: 64 << 20, DiskBytes: 64 << 20, PIDs: 64,
		MaxPrice: 10_000, Unit: string(payments.Credits), Rail: credit.Name,
		ShardTimeoutMS: 30_000, Deadline: time.Now().Add(time.Hour).Unix(),
	}
	return b
}

// Quoted gets a quote for the boss's offer and returns the Accept that takes
// shard 0 of it up.
func (b *Boss) Quoted(m *Member) wire.Accept {
	t := b.c.t
	t.Helper()
	code, ev := b.Code(m, p2p.ProtoQuote, b.Seal(b.Offer))
	if code != "" {
		t.Fatalf("no quote: %s", code)
	}
	q, err := wire.Decode[wire.Quote](ev)
	if err != nil {
		t.Fatal(err)
	}
	o := b.Offer
	return wire.Accept{
		Quote: ev.ID, Job: o.Job, Image: o.Image, ImageCID: o.ImageCID, ImageBytes: b.image.Size,
		InputCID: b.input.CID, InputBytes: b.input.Size, Units: o.UnitsPerShard,
		Amount: q.Price.Base + q.Price.PerUnit*o.UnitsPerShard, Unit: q.Unit, Rail: q.Rail,
		CPUMillis: o.CPUMillis, MemoryBytes: o.MemoryBytes, DiskBytes: o.DiskBytes, PIDs: o.PIDs,
		TimeoutMS: o.ShardTimeoutMS, Deadline: o.Deadline,
	}
}

// Committed sends an Accept and follows it to the commit, whose document it
// returns, or to a refusal, whose code it returns.
func (b *Boss) Committed(m *Member, a wire.Accept) (ev wire.Event, code string) {
	t := b.c.t
	t.Helper()
	s, err := b.Open(m, p2p.ProtoJob)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := wire.WriteEvent(s, b.Seal(a)); err != nil {
		t.Fatal(err)
	}
	for {
		ev, err := wire.ReadAnswer(s.Reader, s.Peer())
		if err != nil {
			t.Fatalf("follow an accept: %v", err)
		}
		switch ev.Kind {
		case wire.KindCommit:
			return ev, ""
		case wire.KindError:
			e, err := wire.Decode[wire.Error](ev)
			if err != nil {
				t.Fatal(err)
			}
			return ev, e.Code
		}
	}
}

// Fetch brings a blob from a member.
func (p *Peer) Fetch(m *Member, into *blob.Store, cid string) error {
	_, err := into.Fetch(p.c.t.Context(), cid, blob.Limits{Bytes: 1 << 20}, blob.Source{
		Name: m.Name,
		Open: func(context.Context) (io.ReadWriteCloser, error) { return p.Open(m, p2p.ProtoBlob) },
	})
	return err
}

// Output reads what a member tells of an attempt's output until it ends.
func (p *Peer) Output(m *Member, job wire.ID, shard, attempt uint32) (string, error) {
	s, err := p.Open(m, p2p.ProtoLog)
	if err != nil {
		return "", err
	}
	defer s.Close()
	req := wire.Progress{Job: job, Shard: shard, Attempt: attempt, State: wire.StateLogs}
	if err := wire.WriteEvent(s, p.Seal(req)); err != nil {
		return "", err
	}
	r := bufio.NewReader(s)
	var out []byte
	for {
		c, err := tasklog.Read(r)
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return string(out), err
		}
		out = append(out, c.Data...)
	}
}
