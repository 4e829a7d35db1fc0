package bench

import (
	"context"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

const (
	benchCID    = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
	benchDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// shardDocs are the documents of one shard with one provider.
type shardDocs struct {
	made    []wire.Message // by the aggregator
	taken   []wire.Message // by the provider
	receipt wire.Receipt
}

func docsOf(aggregator, provider identity.PubKey, n uint32) shardDocs {
	at := time.Now()
	job := wire.ID{1, byte(n >> 16), byte(n >> 8), byte(n)}
	nonce := wire.ID{7, byte(n)}
	c := wire.CommitHash(job, n, 0, provider, benchCID, 4096, nonce)
	r := wire.Receipt{
		Job: job, Shard: n, Provider: provider, Payer: aggregator, Image: benchDigest, Units: 25, Amount: 55,
		Unit: "credits", Rail: "credit", Verdict: wire.VerdictOK, Label: wire.LabelClaimed, Root: benchCID,
		Commit: wire.ID{2}, Reveal: wire.ID{3}, VerdictID: wire.ID{4}, PayRef: fmt.Sprintf("%s/%d/0", job, n),
		StartedMS: at.UnixMilli(), EndedMS: at.UnixMilli() + 734,
	}
	return shardDocs{
		receipt: r,
		made: []wire.Message{
			&wire.Accept{Quote: wire.ID{5}, Job: job, Shard: n, Image: benchDigest, ImageCID: benchCID, ModelCID: benchCID,
				InputCID: benchCID, ImageBytes: 10, ModelBytes: 20, InputBytes: 30, Args: []string{"--max-tokens", "16"},
				Units: 25, Amount: 55, Unit: "credits", Rail: "credit", CPUMillis: 500, MemoryBytes: 1 << 29, DiskBytes: 1 << 28,
				PIDs: 32, TimeoutMS: 60_000, Deadline: at.Unix() + 90},
			&wire.RevealRequest{Job: job, Shard: n, Commits: []wire.ID{{8}}},
			&wire.Verdict{Job: job, Shard: n, Provider: provider, Verdict: wire.VerdictOK, Label: wire.LabelClaimed, Evidence: []string{wire.ID{8}.String()}},
			&r,
		},
		taken: []wire.Message{
			&wire.Progress{Job: job, Shard: n, State: wire.StateFetching},
			&wire.Progress{Job: job, Shard: n, State: wire.StateRunning},
			&wire.Commit{Job: job, Shard: n, C: c, Units: 25, Size: 4096, StartedMS: at.UnixMilli(), EndedMS: at.UnixMilli() + 734, Aggregator: aggregator},
			&wire.Reveal{Job: job, Shard: n, Commit: wire.ID{8}, Root: benchCID, Size: 4096, Nonce: nonce},
		},
	}
}

// Places of two parts in partNames, and how many there are.
const (
	partSigning  = 1
	partChecking = 2
	partCount    = 6
	// signedByProvider are the signatures that a shard has of its provider's.
	signedByProvider = 3
)

// partNames are the parts in order.
func partNames() [partCount][2]string {
	return [partCount][2]string{
		{"documents", "four documents written, five read, without their signatures"},
		{"signing", "four signatures: accept, request to reveal, verdict, receipt"},
		{"checking", "three signatures of the provider: commit, reveal, countersignature"},
		{"lottery", "the commit's hash opened, and the audit drawn"},
		{"ledger", "the countersigned receipt kept, its signatures checked before"},
		{"scoring", "a standing, out of a hundred receipts; a shard needs one or less"},
	}
}

// verifyParts measures what one shard costs that one provider computes, beside
// the machine and the store.
func verifyParts(ctx context.Context, cfg VerifyConfig) ([]VerifyPart, Series, error) {
	us := make([][]float64, partCount)
	var total []float64
	for range cfg.Rounds {
		if err := ctx.Err(); err != nil {
			return nil, Series{}, err
		}
		round, err := verifyRound(cfg.Documents)
		if err != nil {
			return nil, Series{}, err
		}
		sum := 0.0
		for i, v := range round {
			us[i] = append(us[i], v)
			sum += v
		}
		total = append(total, sum)
	}
	var parts []VerifyPart
	for i, n := range partNames() {
		parts = append(parts, VerifyPart{Name: n[0], What: n[1], Took: summarise(us[i])})
	}
	return parts, summarise(total), nil
}

// stopwatch tells the processor time of each of n turns, in microseconds.
func stopwatch(n int, do func(i int) error) (float64, error) {
	since := cpuTime()
	for i := range n {
		if err := do(i); err != nil {
			return 0, err
		}
	}
	return float64((cpuTime() - since).Nanoseconds()) / 1e3 / float64(n), nil
}

func verifyRound(n int) (us [partCount]float64, err error) {
	var keys [2]*identity.Key
	for i := range keys {
		if keys[i], err = identity.Generate(); err != nil {
			return us, err
		}
	}
	mine, theirs := keys[0], keys[1]
	docs := docsOf(mine.PubKey(), theirs.PubKey(), 1)
	now := time.Now()
	frames, err := answerFrames(theirs, docs.taken, now)
	if err != nil {
		return us, err
	}
	taken := answered{theirs.PubKey(), frames}
	var digest [32]byte
	sign, err := stopwatch(n, func(i int) error { digest[0] = byte(i); _, err := mine.Sign(digest); return err })
	if err != nil {
		return us, err
	}
	sig, err := mine.Sign(digest)
	if err != nil {
		return us, err
	}
	check, err := stopwatch(n, func(int) error {
		if !identity.Verify(mine.PubKey(), digest, sig) {
			return ErrJob
		}
		return nil
	})
	if err != nil {
		return us, err
	}
	seal, err := stopwatch(n, func(int) error {
		for _, m := range docs.made {
			if _, err := wire.Seal(mine, m, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return us, err
	}
	parse, err := stopwatch(n, func(int) error { return taken.read(readOne) })
	if err != nil {
		return us, err
	}
	us[partSigning], us[partChecking] = float64(len(docs.made))*sign, signedByProvider*check
	us[0] = max(0, seal-us[partSigning]) + max(0, parse-us[partChecking]+check)
	us[3], err = stopwatch(n, func(i int) error {
		c := wire.CommitHash(wire.ID{1}, uint32(i), 0, theirs.PubKey(), benchCID, 4096, wire.ID{2})
		_ = wire.Audited(wire.AuditDraw(wire.ID{3}, wire.ID{1}, uint32(i), 0, c), 50_000)
		return nil
	})
	if err != nil {
		return us, err
	}
	us[4], us[5], err = ledgerRound(mine, theirs, n)
	return us, err
}

// readOne does with a document what a node does when it comes in.
func readOne(e wire.Event) (err error) {
	switch e.Kind {
	case wire.KindProgress:
		_, err = wire.Decode[wire.Progress](e)
	case wire.KindCommit:
		_, err = wire.Decode[wire.Commit](e)
	case wire.KindReveal:
		_, err = wire.Decode[wire.Reveal](e)
	}
	return err
}

// ledgerRound measures taking receipts in, and a standing out of a hundred.
func ledgerRound(mine, theirs *identity.Key, n int) (add, stand float64, err error) {
	const many = 100
	now := time.Now()
	book, err := reputation.NewBook(mine.PubKey(), store.NewMem(), reputation.Default())
	if err != nil {
		return 0, 0, err
	}
	var pairs []wire.Countersigned
	for i := range many {
		doc, err := wire.Seal(mine, docsOf(mine.PubKey(), theirs.PubKey(), uint32(i)).receipt, now)
		if err != nil {
			return 0, 0, err
		}
		both, err := wire.SignBeside(theirs, doc, wire.RoleProvider, now)
		if err != nil {
			return 0, 0, err
		}
		pairs = append(pairs, both)
	}
	if add, err = stopwatch(many, func(i int) error { _, err := book.Ledger().AddRead(pairs[i]); return err }); err != nil {
		return 0, 0, err
	}
	app := reputation.App{Image: benchDigest}
	stand, err = stopwatch(max(n/10, 1), func(int) error {
		_, err := book.Standing(now, theirs.PubKey(), app, "cpu")
		return err
	})
	return add, stand, err
}
