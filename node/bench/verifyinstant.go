package bench

import (
	"encoding/binary"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
)

// perform carries one effect out: the documents are signed, read, checked and
// kept, as a Driver does; the streams between are left out.
func (in *instant) perform(e job.Effect) (job.Event, error) {
	switch e := e.(type) {
	case job.Match:
		return in.match()
	case job.Dispatch:
		return in.dispatch(e)
	case job.RequestReveal:
		return in.reveal(e)
	case job.Fetch:
		return job.Fetched{Shard: e.Shard, Attempt: e.Attempt, Root: e.Root, Size: e.Size, Now: in.now}, nil
	case job.Compare:
		return job.Compared{Shard: e.Shard, Groups: [][]uint32{e.Attempts}, Now: in.now}, nil
	case job.Audit:
		return job.Audited{Shard: e.Shard, Attempt: e.Attempt, Try: e.Try, Answer: job.AnswerMatch, Now: in.now}, nil
	case job.Settle:
		return in.settle(e)
	case job.Merge:
		return job.Merged{CID: benchCID, Size: 1, Now: in.now}, nil
	case job.Abort, job.Finish:
		return job.Acked{Key: e.Key(), Now: in.now}, nil
	}
	return nil, nil
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

// send signs a document of the aggregator's and writes it out.
func (in *instant) send(m wire.Message) (wire.Event, error) {
	var e wire.Event
	err := in.timed(onDocuments, func() (err error) {
		if e, err = wire.Seal(in.key, m, in.now); err == nil {
			_ = e.Bytes()
		}
		return err
	})
	return e, err
}

// take reads and checks a document of a provider's, and keeps it.
func (in *instant) take(raw []byte, shard, attempt uint32, name string) (e wire.Event, err error) {
	if err = in.timed(onDocuments, func() error { e, err = wire.Parse(raw); return err }); err != nil || name == "" {
		return e, err
	}
	err = in.timed(onStore, func() error { _, err := in.journal.Keep(in.j.ID, shard, attempt, name, e); return err })
	return e, err
}

func nonceOf(p identity.PubKey, shard, attempt uint32) wire.ID {
	var id wire.ID
	copy(id[8:], p[:24])
	binary.BigEndian.PutUint32(id[:4], shard)
	binary.BigEndian.PutUint32(id[4:], attempt)
	return id
}

func (in *instant) dispatch(e job.Dispatch) (job.Event, error) {
	in.runs++
	_, err := in.send(&wire.Accept{
		Quote: e.Quote, Job: in.j.ID, Shard: e.Shard, Attempt: e.Wire, Image: benchDigest, InputCID: e.Input.CID, InputBytes: e.Input.Bytes,
		Units: e.Input.Units, Amount: e.Amount.Value, Unit: string(e.Amount.Unit), Rail: job.RailCredit,
		CPUMillis: 1000, MemoryBytes: 1 << 29, DiskBytes: 1 << 28, PIDs: 32, TimeoutMS: 60_000, Deadline: in.j.Deadline.Unix(),
	})
	if err != nil {
		return nil, err
	}
	for _, state := range []string{wire.StateFetching, wire.StateRunning} {
		raw, err := in.byProvider(e.Provider, &wire.Progress{Job: in.j.ID, Shard: e.Shard, Attempt: e.Wire, State: state})
		if err != nil {
			return nil, err
		}
		if _, err := in.take(raw, e.Shard, e.Attempt, ""); err != nil {
			return nil, err
		}
		in.events = append(in.events, job.Progressed{Shard: e.Shard, Attempt: e.Attempt, State: state, Now: in.now})
	}
	nonce := nonceOf(e.Provider, e.Shard, e.Attempt)
	raw, err := in.byProvider(e.Provider, &wire.Commit{
		Job: in.j.ID, Shard: e.Shard, Attempt: e.Wire, Size: 4096, Units: e.Input.Units, StartedMS: 1, EndedMS: 2,
		C: wire.CommitHash(in.j.ID, e.Shard, e.Wire, e.Provider, benchCID, 4096, nonce),
	})
	if err != nil {
		return nil, err
	}
	doc, err := in.take(raw, e.Shard, e.Attempt, "commit")
	if err != nil {
		return nil, err
	}
	m, err := wire.Decode[wire.Commit](doc)
	return job.Committed{Shard: e.Shard, Attempt: e.Attempt, Event: doc.ID, C: m.C, Size: m.Size, Units: m.Units, Now: in.now}, err
}

func (in *instant) reveal(e job.RequestReveal) (job.Event, error) {
	if _, err := in.send(&wire.RevealRequest{Job: in.j.ID, Shard: e.Shard, Attempt: e.Wire, Commits: e.Commits}); err != nil {
		return nil, err
	}
	at := in.j.Shards[e.Shard].Attempts[e.Attempt]
	raw, err := in.byProvider(e.Provider, &wire.Reveal{
		Job: in.j.ID, Shard: e.Shard, Attempt: e.Wire, Commit: at.Commit.Event, Root: benchCID, Size: 4096,
		Nonce: nonceOf(e.Provider, e.Shard, e.Attempt),
	})
	if err != nil {
		return nil, err
	}
	doc, err := in.take(raw, e.Shard, e.Attempt, "reveal")
	if err != nil {
		return nil, err
	}
	m, err := wire.Decode[wire.Reveal](doc)
	return job.Revealed{Shard: e.Shard, Attempt: e.Attempt, Event: doc.ID, Root: m.Root, Size: m.Size, Nonce: m.Nonce, Now: in.now}, err
}

// settle signs the verdict and the receipt and takes the countersignature; the
// rail, which is measured elsewhere, pays at once.
func (in *instant) settle(e job.Settle) (job.Event, error) {
	at := in.j.Shards[e.Shard].Attempts[e.Attempt]
	label := e.Label
	if label == "" {
		label = job.LabelClaimed
	}
	comparator := ""
	if label != job.LabelClaimed {
		comparator = in.j.Spec.Verify.Compare
	}
	verdict, err := in.send(&wire.Verdict{Job: in.j.ID, Shard: e.Shard, Attempt: e.Wire, Provider: e.Provider, Verdict: e.Verdict, Label: label, Comparator: comparator})
	if err != nil {
		return nil, err
	}
	if err := in.timed(onStore, func() error { _, err := in.journal.Keep(in.j.ID, e.Shard, e.Attempt, "verdict", verdict); return err }); err != nil {
		return nil, err
	}
	var doc wire.Event
	err = in.timed(onScoring, func() (err error) {
		doc, err = in.book.Ledger().Issue(in.key, wire.Receipt{
			Job: in.j.ID, Shard: e.Shard, Attempt: e.Wire, Provider: e.Provider, Payer: in.key.PubKey(), Image: benchDigest,
			Units: in.j.Shards[e.Shard].Input.Units, Amount: e.Amount.Value, Unit: string(e.Amount.Unit), Rail: job.RailCredit,
			Verdict: e.Verdict, Label: label, Comparator: comparator, Class: e.Class, Audits: e.Audits, RatePPM: e.RatePPM, Root: at.Reveal.Root, Commit: at.Commit.Event, Reveal: at.Reveal.Event,
			VerdictID: verdict.ID, PayRef: e.Key(), StartedMS: 1, EndedMS: 2,
		}, in.now)
		return err
	})
	if err != nil {
		return nil, err
	}
	since := cpuTime()
	both, err := wire.SignBeside(in.byKey[e.Provider], doc, wire.RoleProvider, in.now.Add(time.Second))
	in.theirs += cpuTime() - since
	if err != nil {
		return nil, err
	}
	err = in.timed(onScoring, func() error { _, err := in.book.Ledger().AddReceipt(both); return err })
	return job.Settled{Shard: e.Shard, Attempt: e.Attempt, PayRef: e.Key(), Receipt: doc.ID, Now: in.now}, err
}
