package nodetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store/blob"
)

// Class is the hardware class of this machine for an image, as nodes say it.
func Class(image string) string {
	host := exec.Host()
	if len(image) > 19 {
		image = image[7:19]
	}
	return fmt.Sprintf("%s/%s/%s", host.Arch, host.SIMD, image)
}

func hardware() wire.Hardware {
	host := exec.Host()
	return wire.Hardware{
		OS: host.OS, Arch: host.Arch, CPUModel: host.CPUModel,
		Cores: uint32(host.Cores), MemoryBytes: host.MemoryBytes, DiskBytes: 16 << 30,
	}
}

// quote offers many slots, so that much of the work comes here.
func (l *Liar) quote(_ context.Context, s *p2p.Stream) error {
	ev, err := wire.ReadEvent(s.Reader)
	if err != nil {
		return err
	}
	o, err := wire.Decode[wire.JobOffer](ev)
	if err != nil {
		return err
	}
	_, err = l.Say(s, wire.Quote{
		Offer: ev.ID, Job: o.Job, Price: l.script.price(), Unit: o.Unit, Rail: o.Rail,
		Slots: cmp.Or(l.script.Slots, 64), Class: Class(o.Image), CreditLeft: 10_000,
		Expires: time.Now().Add(time.Hour).Unix(), HasImage: true, HasModel: true,
	})
	return err
}

func (l *Liar) job(ctx context.Context, s *p2p.Stream) error {
	ev, err := wire.ReadEvent(s.Reader)
	if err != nil {
		return err
	}
	switch ev.Kind {
	case wire.KindAccept:
		a, err := wire.Decode[wire.Accept](ev)
		if err != nil {
			return err
		}
		w := l.work(s.Peer(), ev, a)
		if l.script.Accept != nil {
			return l.script.Accept(ctx, l, s, w)
		}
		return l.Commit(ctx, s, w)
	case wire.KindRevealRequest:
		r, err := wire.Decode[wire.RevealRequest](ev)
		if err != nil {
			return err
		}
		w := l.known(r.Job, r.Shard, r.Attempt)
		if w == nil {
			return errors.New("never accepted")
		}
		l.note(func() {
			if w.Asked.ID.IsZero() {
				w.Asked = ev
			}
		})
		if l.script.Reveal != nil {
			return l.script.Reveal(l, s, w)
		}
		_, err = l.Say(s, w.Reveal())
		return err
	case wire.KindVerdict:
		v, err := wire.Decode[wire.Verdict](ev)
		if err != nil {
			return err
		}
		if w := l.known(v.Job, v.Shard, v.Attempt); w != nil {
			l.note(func() { w.Said = append(w.Said, v.Verdict) })
		}
		return l.sign(s)
	case wire.KindDisclosure:
		return l.hear(s, ev)
	}
	return nil // a Cancel, to which nothing is said
}

func (l *Liar) note(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn()
}

var errDeaf = errors.New("nodetest: not heard")

// hear takes disclosures to the last.
func (l *Liar) hear(s *p2p.Stream, ev wire.Event) error {
	if l.script.Deaf != nil && l.script.Deaf.Load() {
		return errDeaf
	}
	for {
		m, err := wire.Decode[wire.Disclosure](ev)
		if err != nil {
			return err
		}
		l.note(func() { l.shown = append(l.shown, m) })
		if m.Last {
			return nil
		}
		if ev, err = wire.ReadEvent(s.Reader); err != nil {
			return err
		}
	}
}

// Do does the work: it fetches the input, writes it in capitals and stores the
// result.
func (l *Liar) Do(ctx context.Context, w *Work) error {
	dir, err := os.MkdirTemp(l.dir, "work-")
	if err != nil {
		return err
	}
	src := blob.Source{Name: "aggregator", Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
		return l.Host.Open(ctx, w.From, p2p.ProtoBlob)
	}}
	if _, err := l.blobs.Fetch(ctx, w.Accept.InputCID, blob.Limits{Bytes: w.Accept.InputBytes}, src); err != nil {
		return err
	}
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := l.blobs.Export(ctx, w.Accept.InputCID, in, blob.Limits{}); err != nil {
		return err
	}
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	if res := Upper(ctx, exec.Task{In: in, Out: out}, exec.Streams{Stdout: io.Discard}); res.Reason != exec.ReasonOK {
		return errors.New(res.Detail)
	}
	info, err := l.blobs.AddTree(ctx, out)
	if err != nil {
		return err
	}
	w.Root, w.Size = info.CID, info.Size
	return nil
}

// Invent stores a result of its own making instead.
func (l *Liar) Invent(ctx context.Context, w *Work) error {
	dir, err := os.MkdirTemp(l.dir, "lie-")
	if err != nil {
		return err
	}
	return l.store(ctx, w, dir, fmt.Sprintf("shard %d as %s would like it\n", w.Accept.Shard, l.NPub()))
}

// store makes a text the result.
func (l *Liar) store(ctx context.Context, w *Work, dir, text string) error {
	if err := os.WriteFile(filepath.Join(dir, "input.txt"), []byte(text), 0o644); err != nil {
		return err
	}
	info, err := l.blobs.AddTree(ctx, dir)
	w.Root, w.Size = info.CID, info.Size
	return err
}

// Promise is the right commit to the right result.
func (l *Liar) Promise(w *Work) wire.Commit {
	a := w.Accept
	now := time.Now().UnixMilli()
	return wire.Commit{
		Job: a.Job, Shard: a.Shard, Attempt: a.Attempt, Units: a.Units, Size: w.Size, StartedMS: now, EndedMS: now, Aggregator: w.From,
		C: wire.CommitHash(a.Job, a.Shard, a.Attempt, l.ID(), w.Root, w.Size, w.Nonce),
	}
}

// Commit does the work, says that it runs, and commits to the result.
func (l *Liar) Commit(ctx context.Context, s *p2p.Stream, w *Work) error {
	a := w.Accept
	if _, err := l.Say(s, wire.Progress{Job: a.Job, Shard: a.Shard, Attempt: a.Attempt, State: wire.StateRunning}); err != nil {
		return err
	}
	work := l.Do
	if l.script.Lie != nil {
		work = func(ctx context.Context, w *Work) error { return l.script.Lie(ctx, l, w) }
	}
	if err := work(ctx, w); err != nil {
		return err
	}
	expected := payments.Payment{
		Ref: payments.NewRef(a.Job.String(), a.Shard, a.Attempt), Peer: w.From,
		Amount: payments.Amount{Value: a.Amount, Unit: payments.Unit(a.Unit)},
	}
	if err := l.rail.Expect(ctx, expected); err != nil {
		return err
	}
	return l.Bind(s, w, l.Promise(w))
}

// Bind sends a commit and remembers it.
func (l *Liar) Bind(s io.Writer, w *Work, c wire.Commit) (err error) {
	w.Commit, err = l.Say(s, c)
	return err
}

// Reveal opens the commit as it was sent.
func (w *Work) Reveal() wire.Reveal {
	a := w.Accept
	return wire.Reveal{
		Job: a.Job, Shard: a.Shard, Attempt: a.Attempt,
		Commit: w.Commit.ID, Root: w.Root, Size: w.Size, Nonce: w.Nonce,
	}
}

func (l *Liar) blob(ctx context.Context, s *p2p.Stream) error {
	if l.script.Blob != nil {
		return l.script.Blob(ctx, l, s)
	}
	return l.Serve(ctx, s)
}

// Serve gives anybody any blob.
func (l *Liar) Serve(ctx context.Context, s io.ReadWriter) error {
	return l.blobs.ServeStream(ctx, s, func(string) error { return nil })
}

func (l *Liar) pay(ctx context.Context, s *p2p.Stream) error {
	return l.rail.ServeStream(ctx, s.Peer(), s)
}

// sign countersigns whatever receipt comes.
func (l *Liar) sign(s *p2p.Stream) error {
	receipt, err := wire.ReadEvent(s.Reader)
	if err != nil {
		return err
	}
	if l.script.Unsigned != nil && l.script.Unsigned.Load() {
		_, err := l.Say(s, wire.Error{Ref: receipt.ID, Code: "refused", Text: "no"})
		return err
	}
	_, err = l.Say(s, wire.Countersign{Of: receipt.ID, Role: "provider"})
	return err
}
