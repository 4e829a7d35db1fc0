package aggregator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// What a verdict against somebody rests on is kept where anybody can be shown
// it: as content, whose CID the verdict names.

// keepEvidence is how long a bundle and the results it speaks of are in use,
// and maxEvidenceBytes how much of those results.
const (
	evidenceFor      = 180 * 24 * time.Hour
	maxEvidenceBytes = 256 << 20
)

// Dispute is the content of an evidence bundle.
type Dispute struct {
	Job        job.ID     `json:"job"`
	Shard      uint32     `json:"shard"`
	Aggregator string     `json:"aggregator"` // npub
	Image      string     `json:"image"`      // OCI digest
	Model      string     `json:"model,omitempty"`
	Input      string     `json:"input"` // CID
	Mode       string     `json:"mode"`
	Comparator string     `json:"comparator"`
	Known      string     `json:"known,omitempty"`  // CID of the answer known before
	Result     string     `json:"result,omitempty"` // CID of what was found right
	Attempts   []Disputed `json:"attempts"`
}

// Disputed is one attempt at the shard with its signed documents.
type Disputed struct {
	Attempt   uint32       `json:"attempt"` // as the documents number it
	Provider  string       `json:"provider"`
	Operator  string       `json:"operator,omitempty"`
	Class     string       `json:"class,omitempty"`
	State     string       `json:"state"`
	Validator bool         `json:"validator,omitempty"`
	Trusted   bool         `json:"trusted,omitempty"`
	Root      string       `json:"root,omitempty"` // CID of its result
	Size      uint64       `json:"size,omitempty"`
	Reason    string       `json:"reason,omitempty"`
	Blame     string       `json:"blame,omitempty"`
	Replays   []job.Answer `json:"replays,omitempty"`
	Documents []wire.Event `json:"documents"` // commit, reveal, verdict, receipt: those there are
}

// disputed reports whether somebody's result in the shard was called in question.
func disputed(sh *job.Shard) bool {
	return slices.ContainsFunc(sh.Attempts, func(a job.Attempt) bool {
		switch a.Reason.Code {
		case job.CodeMismatch, job.CodeInconclusive, job.CodeWrongReveal, job.CodeCopied:
			return true
		}
		return a.State == job.AttemptBad || slices.ContainsFunc(a.Answers, func(x job.Answer) bool {
			return x.Answer == job.AnswerMismatch
		})
	})
}

// dispute gathers the documents of a shard.
func (d *Driver) dispute(j job.Job, sh *job.Shard) (Dispute, error) {
	out := Dispute{
		Job: j.ID, Shard: sh.Index, Aggregator: d.Key.PubKey().String(), Image: j.Image.Digest, Model: j.Model.CID,
		Input: sh.Input.CID, Mode: j.Spec.Verify.Mode, Comparator: j.Spec.Verify.Compare, Result: sh.Result,
	}
	if sh.Input.Known != nil {
		out.Known = sh.Input.Known.Root
	}
	receipts, err := d.Ledger.ByJob(j.ID)
	if err != nil {
		return out, err
	}
	for _, a := range sh.Attempts {
		if a.Commit.Event.IsZero() {
			continue
		}
		x := Disputed{
			Attempt: a.Wire, Provider: a.Provider.String(), Operator: a.Operator, Class: a.Class, State: string(a.State),
			Validator: a.Flat, Trusted: a.Trusted, Root: a.Reveal.Root, Size: a.Reveal.Size,
			Reason: a.Reason.Text, Blame: a.Blame, Replays: a.Answers, Documents: []wire.Event{},
		}
		for _, name := range []document{docCommit, docReveal, docVerdict} {
			ev, err := d.document(j.ID, sh.Index, a.Wire, name)
			if err == nil {
				x.Documents = append(x.Documents, ev)
			} else if !errors.Is(err, store.ErrNotFound) {
				return out, err
			}
		}
		for _, r := range receipts {
			if r.Receipt.Shard == sh.Index && r.Receipt.Attempt == a.Wire {
				x.Documents = append(x.Documents, r.Doc)
			}
		}
		out.Attempts = append(out.Attempts, x)
	}
	return out, nil
}

// evidenceRecord is what is kept of a bundle beside its content.
type evidenceRecord struct {
	CIDs    []string `json:"cids"` // of the bundles; a shard that is opened again has several
	Results []result `json:"results"`
	At      int64    `json:"at"` // unix seconds
}

type result struct {
	Root string `json:"root"`
	Size uint64 `json:"size"`
}

func evidenceKey(id job.ID, shard uint32) []byte {
	return fmt.Appendf(nil, "evidence/%s/%08x", id, shard)
}

// storeEvidence keeps the bundle of a shard as it stands as content.
func (d *Driver) storeEvidence(ctx context.Context, j job.Job, sh *job.Shard) (cid string, raw []byte, err error) {
	what, err := d.dispute(j, sh)
	if err != nil {
		return "", nil, err
	}
	if raw, err = json.Marshal(what); err != nil {
		return "", nil, err
	}
	info, err := d.Content.Blobs().Add(ctx, bytes.NewReader(raw))
	if err != nil {
		return "", nil, fmt.Errorf("keep evidence: %w", err)
	}
	return info.CID, raw, d.Store.Update(func(tx store.Txn) error {
		rec := evidenceRecord{At: time.Now().Unix()}
		old, err := tx.Get(evidenceKey(j.ID, sh.Index))
		if err == nil {
			err = json.Unmarshal(old, &rec)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if !slices.Contains(rec.CIDs, info.CID) {
			rec.CIDs = append(rec.CIDs[max(0, len(rec.CIDs)-7):], info.CID)
		}
		rec.Results = nil
		for _, a := range sh.Attempts {
			if a.Reveal.Root != "" {
				rec.Results = append(rec.Results, result{a.Reveal.Root, a.Reveal.Size})
			}
		}
		data, err := json.Marshal(rec)
		if err != nil {
			return err
		}
		return tx.Set(evidenceKey(j.ID, sh.Index), data)
	})
}

// Evidence is the bundle of a disputed shard: every signed document of its
// attempts and the CIDs of their results, as a Dispute. It is kept as content
// under its CID. ErrNoEvidence is of a shard that nobody disputed.
func (d *Driver) Evidence(id job.ID, shard uint32) (cid string, raw []byte, err error) {
	j, err := d.Get(id)
	if err != nil {
		return "", nil, err
	}
	if uint64(shard) >= uint64(len(j.Shards)) || !disputed(j.Shards[shard]) {
		return "", nil, ErrNoEvidence
	}
	return d.storeEvidence(context.Background(), j, j.Shards[shard])
}

// evidenceCIDs are the bundles that are still to be kept, and as much of the
// results they speak of as there is room for, the newest first.
func (d *Driver) evidenceCIDs() (cids []string) {
	var all []evidenceRecord
	err := d.Store.View(func(r store.Reader) error {
		all = nil
		return r.Scan([]byte("evidence/"), func(_, value []byte) error {
			var rec evidenceRecord
			if err := json.Unmarshal(value, &rec); err != nil {
				return err
			}
			all = append(all, rec)
			return nil
		})
	})
	if err != nil {
		d.Log.Error("read evidence", "err", err)
	}
	slices.SortFunc(all, func(a, b evidenceRecord) int { return int(b.At - a.At) })
	left := uint64(maxEvidenceBytes)
	oldest := time.Now().Add(-evidenceFor).Unix()
	for _, rec := range all {
		if rec.At < oldest {
			break
		}
		cids = append(cids, rec.CIDs...)
		for _, r := range rec.Results {
			if r.Size <= left {
				left -= r.Size
				cids = append(cids, r.Root)
			}
		}
	}
	return cids
}

// offerKey is of the offer that a provider quoted for.
func offerKey(id job.ID, p identity.PubKey) []byte {
	return fmt.Appendf(nil, "offer/%s/%s", id, p.Hex())
}
