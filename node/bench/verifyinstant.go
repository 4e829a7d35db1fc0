package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
)

// perform carries out what a step asks for: the documents are signed, read,
// checked and kept, as a Driver does; the streams between are left out. As in a
// Driver, what is in flight is done at once, so that the store writes together
// what comes together; each part of it ends before the next begins, so that it
// can be measured.
func (in *instant) perform(effects []job.Effect) error {
	var dispatches []job.Dispatch
	var reveals []job.RequestReveal
	var settles []job.Settle
	for _, e := range effects {
		var ev job.Event
		switch e := e.(type) {
		case job.Match:
			var err error
			if ev, err = in.match(); err != nil {
				return err
			}
		case job.Dispatch:
			dispatches = append(dispatches, e)
		case job.RequestReveal:
			reveals = append(reveals, e)
		case job.Fetch:
			ev = job.Fetched{Shard: e.Shard, Attempt: e.Attempt, Root: e.Root, Size: e.Size, Now: in.now}
		case job.Compare:
			ev = job.Compared{Shard: e.Shard, Groups: [][]uint32{e.Attempts}, Now: in.now}
		case job.Audit:
			ev = job.Audited{Shard: e.Shard, Attempt: e.Attempt, Try: e.Try, Answer: job.AnswerMatch, Now: in.now}
		case job.Settle:
			settles = append(settles, e)
		case job.Merge:
			ev = job.Merged{CID: benchCID, Size: 1, Now: in.now}
		case job.Abort, job.Finish:
			ev = job.Acked{Key: e.Key(), Now: in.now}
		}
		if ev != nil {
			in.events = append(in.events, ev)
		}
	}
	if err := in.dispatch(dispatches); err != nil {
		return err
	}
	if err := in.reveal(reveals); err != nil {
		return err
	}
	return in.settle(settles)
}

// together does n things at once and adds their processor time to one of the sums.
func (in *instant) together(what, n int, do func(i int) error) error {
	if n == 0 {
		return nil
	}
	return in.timed(what, func() error {
		var g errgroup.Group
		for i := range n {
			g.Go(func() error { return do(i) })
		}
		return g.Wait()
	})
}

func (in *instant) match() (job.Event, error) {
	ev := job.Matched{Now: in.now}
	for i, k := range in.providers {
		err := in.timed(onScoring, func() error {
			_, err := in.book.Standing(in.now, k.PubKey(), reputation.App{Image: benchDigest}, "cpu")
			return err
		})
		if err != nil {
			return nil, err
		}
		ev.Candidates = append(ev.Candidates, job.Candidate{
			Provider: k.PubKey(), Quote: wire.ID{9, byte(i)}, Class: "cpu", Slots: 64,
			Rate: payments.Rate{PerUnit: 2, Unit: payments.Credits},
		})
	}
	return ev, nil
}

// send signs documents of the aggregator's and writes them out.
func (in *instant) send(n int, message func(i int) wire.Message) ([]wire.Event, error) {
	out := make([]wire.Event, n)
	return out, in.together(onDocuments, n, func(i int) (err error) {
		if out[i], err = wire.Seal(in.key, message(i), in.now); err == nil {
			_ = out[i].Bytes()
		}
		return err
	})
}

// answers has each provider write what it answers, which is not counted.
func (in *instant) answers(n int, answer func(i int) (*identity.Key, []wire.Message)) ([]answered, error) {
	since := cpuTime()
	defer func() { in.theirs += cpuTime() - since }()
	out := make([]answered, n)
	for i := range out {
		k, all := answer(i)
		frames, err := answerFrames(k, all, in.now)
		if err != nil {
			return nil, err
		}
		out[i] = answered{k.PubKey(), frames}
	}
	return out, nil
}

// answered is what came from a peer, as it lies on the stream.
type answered struct {
	peer   identity.PubKey
	frames []byte
}

// answerFrames writes documents as a provider does.
func answerFrames(k *identity.Key, all []wire.Message, now time.Time) ([]byte, error) {
	var buf bytes.Buffer
	for _, m := range all {
		var e wire.Event
		var err error
		if p, ok := m.(*wire.Progress); ok {
			e, err = wire.Say(k.PubKey(), *p, now)
		} else {
			e, err = wire.Seal(k, m, now)
		}
		if err = errors.Join(err, wire.WriteEvent(&buf, e)); err != nil {
			return nil, err
		}
	}
	return buf.Bytes(), nil
}

// take reads and checks what the providers answered, and returns the last of each.
func (in *instant) take(all []answered) ([]wire.Event, error) {
	out := make([]wire.Event, len(all))
	return out, in.together(onDocuments, len(all), func(i int) error {
		return all[i].read(func(e wire.Event) error {
			out[i] = e
			if e.Kind != wire.KindProgress {
				return nil
			}
			_, err := wire.Decode[wire.Progress](e)
			return err
		})
	})
}

// read calls fn for each document, verified as an aggregator does.
func (a answered) read(fn func(wire.Event) error) error {
	for r := bytes.NewReader(a.frames); ; {
		e, err := wire.ReadAnswer(r, a.peer)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = fn(e)
		}
		if err != nil {
			return err
		}
	}
}

func nonceOf(p identity.PubKey, shard, attempt uint32) wire.ID {
	var id wire.ID
	copy(id[8:], p[:24])
	binary.BigEndian.PutUint32(id[:4], shard)
	binary.BigEndian.PutUint32(id[4:], attempt)
	return id
}

func (in *instant) dispatch(all []job.Dispatch) error {
	in.runs += len(all)
	_, err := in.send(len(all), func(i int) wire.Message {
		e := all[i]
		return &wire.Accept{
			Quote: e.Quote, Job: in.j.ID, Shard: e.Shard, Attempt: e.Wire, Image: benchDigest, InputCID: e.Input.CID, InputBytes: e.Input.Bytes,
			Units: e.Input.Units, Amount: e.Amount.Value, Unit: string(e.Amount.Unit), Rail: job.RailCredit,
			CPUMillis: 1000, MemoryBytes: 1 << 29, DiskBytes: 1 << 28, PIDs: 32, TimeoutMS: 60_000, Deadline: in.j.Deadline.Unix(),
		}
	})
	if err != nil {
		return err
	}
	raw, err := in.answers(len(all), func(i int) (*identity.Key, []wire.Message) {
		e := all[i]
		progress := func(state string) wire.Message {
			return &wire.Progress{Job: in.j.ID, Shard: e.Shard, Attempt: e.Wire, State: state}
		}
		return in.byKey[e.Provider], []wire.Message{progress(wire.StateFetching), progress(wire.StateRunning), &wire.Commit{
			Job: in.j.ID, Shard: e.Shard, Attempt: e.Wire, Size: 4096, Units: e.Input.Units, StartedMS: 1, EndedMS: 2, Aggregator: in.key.PubKey(),
			C: wire.CommitHash(in.j.ID, e.Shard, e.Wire, e.Provider, benchCID, 4096, nonceOf(e.Provider, e.Shard, e.Attempt)),
		}}
	})
	if err != nil {
		return err
	}
	docs, err := in.take(raw)
	if err != nil {
		return err
	}
	commits := make([]wire.Commit, len(all))
	err = in.together(onStore, len(all), func(i int) (err error) {
		if docs[i], err = in.journal.Keep(in.j.ID, all[i].Shard, all[i].Attempt, "commit", docs[i]); err == nil {
			commits[i], err = wire.Decode[wire.Commit](docs[i])
		}
		return err
	})
	for i, e := range all {
		for _, state := range []string{wire.StateFetching, wire.StateRunning} {
			in.events = append(in.events, job.Progressed{Shard: e.Shard, Attempt: e.Attempt, State: state, Now: in.now})
		}
		m := commits[i]
		in.events = append(in.events, job.Committed{Shard: e.Shard, Attempt: e.Attempt, Event: docs[i].ID, C: m.C, Size: m.Size, Units: m.Units, Now: in.now})
	}
	return err
}

func (in *instant) reveal(all []job.RequestReveal) error {
	_, err := in.send(len(all), func(i int) wire.Message {
		return &wire.RevealRequest{Job: in.j.ID, Shard: all[i].Shard, Attempt: all[i].Wire, Commits: all[i].Commits}
	})
	if err != nil {
		return err
	}
	raw, err := in.answers(len(all), func(i int) (*identity.Key, []wire.Message) {
		e := all[i]
		return in.byKey[e.Provider], []wire.Message{&wire.Reveal{
			Job: in.j.ID, Shard: e.Shard, Attempt: e.Wire, Commit: in.j.Shards[e.Shard].Attempts[e.Attempt].Commit.Event,
			Root: benchCID, Size: 4096, Nonce: nonceOf(e.Provider, e.Shard, e.Attempt),
		}}
	})
	if err != nil {
		return err
	}
	docs, err := in.take(raw)
	if err != nil {
		return err
	}
	reveals := make([]wire.Reveal, len(all))
	err = in.together(onStore, len(all), func(i int) (err error) {
		if docs[i], err = in.journal.Keep(in.j.ID, all[i].Shard, all[i].Attempt, "reveal", docs[i]); err == nil {
			reveals[i], err = wire.Decode[wire.Reveal](docs[i])
		}
		return err
	})
	for i, e := range all {
		m := reveals[i]
		in.events = append(in.events, job.Revealed{Shard: e.Shard, Attempt: e.Attempt, Event: docs[i].ID, Root: m.Root, Size: m.Size, Nonce: m.Nonce, Now: in.now})
	}
	return err
}

// settle signs the verdict and the receipt and takes the countersignature; the
// rail, which is measured elsewhere, pays at once.
func (in *instant) settle(all []job.Settle) error {
	labels, comparators := make([]string, len(all)), make([]string, len(all))
	for i, e := range all {
		if labels[i] = e.Label; labels[i] == "" {
			labels[i] = job.LabelClaimed
		}
		if labels[i] != job.LabelClaimed {
			comparators[i] = in.j.Spec.Verify.Compare
		}
	}
	verdicts, err := in.send(len(all), func(i int) wire.Message {
		e := all[i]
		return &wire.Verdict{Job: in.j.ID, Shard: e.Shard, Attempt: e.Wire, Provider: e.Provider, Verdict: e.Verdict, Label: labels[i], Comparator: comparators[i]}
	})
	if err != nil {
		return err
	}
	err = in.together(onStore, len(all), func(i int) error {
		_, err := in.journal.Keep(in.j.ID, all[i].Shard, all[i].Attempt, "verdict", verdicts[i])
		return err
	})
	if err != nil {
		return err
	}
	pairs := make([]wire.Countersigned, len(all))
	err = in.together(onScoring, len(all), func(i int) (err error) {
		e, sh := all[i], in.j.Shards[all[i].Shard]
		at := sh.Attempts[e.Attempt]
		pairs[i].Doc, err = in.book.Ledger().Issue(in.key, wire.Receipt{
			Job: in.j.ID, Shard: e.Shard, Attempt: e.Wire, Provider: e.Provider, Payer: in.key.PubKey(), Image: benchDigest,
			Units: sh.Input.Units, Amount: e.Amount.Value, Unit: string(e.Amount.Unit), Rail: job.RailCredit,
			Verdict: e.Verdict, Label: labels[i], Comparator: comparators[i], Class: e.Class, Audits: e.Audits, RatePPM: e.RatePPM,
			Root: at.Reveal.Root, Commit: at.Commit.Event, Reveal: at.Reveal.Event,
			VerdictID: verdicts[i].ID, PayRef: e.Key(), StartedMS: 1, EndedMS: 2,
		}, in.now)
		return err
	})
	if err != nil {
		return err
	}
	raw, err := in.answers(len(all), func(i int) (*identity.Key, []wire.Message) {
		return in.byKey[all[i].Provider], []wire.Message{&wire.Countersign{Of: pairs[i].Doc.ID, Role: wire.RoleProvider}}
	})
	if err != nil {
		return err
	}
	by, err := in.take(raw)
	if err != nil {
		return err
	}
	err = in.together(onScoring, len(all), func(i int) error {
		pairs[i].By = by[i]
		_, err := in.book.Ledger().AddRead(pairs[i])
		return err
	})
	for i, e := range all {
		in.events = append(in.events, job.Settled{Shard: e.Shard, Attempt: e.Attempt, PayRef: e.Key(), Receipt: pairs[i].Doc.ID, Now: in.now})
	}
	return err
}
