package aggregator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"infernet.tech/infernet/node/audit"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// When a job has ended, each provider that committed is shown the secret that
// drew the audits and what it drew of that provider's work. The job does not
// wait for it: who is still to be told is written down with the end, and tried
// until it was heard or a week is over. What is said follows from the stored
// job alone and is the same each time, signed anew because a document's date
// must be fresh where it arrives.

const (
	discloseFor  = 7 * 24 * time.Hour
	discloseTry  = 10 * time.Second // for one provider
	discloseMost = 64               // providers told in one round
)

// tellKey orders what is to be told by the time of the next try.
func tellKey(next int64, id job.ID, to identity.PubKey) []byte {
	return fmt.Appendf(nil, "tell/%016x/%s/%s", next, id, to.Hex())
}

// telling is one provider that is to be told of one job.
type telling struct {
	key   []byte
	job   job.ID
	to    identity.PubKey
	next  int64 // unix seconds
	tries int
}

// finish writes down what the client owes, who is to be told, and what the job
// taught.
func (d *Driver) finish(ctx context.Context, j job.Job, e job.Finish) (job.Event, error) {
	if err := d.learn(j); err != nil {
		return nil, err
	}
	if d.forClient(j) {
		if err := d.complete(ctx, j); err != nil {
			return nil, err
		}
		if _, err := d.billOf(j); err != nil {
			return nil, err
		}
		// A client without credit holds up nobody: it is tried again, see disclosing.
		if err := d.charge(ctx, j); err != nil {
			d.Log.Warn("client not charged", "job", j.ID, "client", j.Client.Short(), "err", err)
		}
	}
	now := time.Now()
	err := d.Store.Update(func(tx store.Txn) error {
		for _, p := range committed(j) {
			if err := tx.Set(tellKey(now.Unix(), j.ID, p), []byte("0")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	select {
	case d.tell <- struct{}{}:
	default: // it looks soon in any case
	}
	for n, sh := range j.Shards {
		for _, a := range sh.Attempts {
			if a.PayRef == "" {
				d.unfund(j, uint32(n), a.Wire, "the job has ended")
			}
		}
	}
	return job.Acked{Key: e.Key(), Now: now}, nil
}

// committed lists the providers with a commit in the job, in order of their
// first one.
func committed(j job.Job) (out []identity.PubKey) {
	seen := map[identity.PubKey]bool{}
	for _, sh := range j.Shards {
		for _, a := range sh.Attempts {
			if !a.Commit.Event.IsZero() && !seen[a.Provider] {
				seen[a.Provider] = true
				out = append(out, a.Provider)
			}
		}
	}
	return out
}

// Disclosures are what a provider is told of a job after its end.
func Disclosures(j job.Job, to identity.PubKey) []wire.Disclosure {
	var rows []wire.Drawn
	for _, sh := range j.Shards {
		for _, a := range sh.Attempts {
			if a.Provider != to || a.Commit.Event.IsZero() {
				continue
			}
			if row, ok := drawn(j, sh, a); ok {
				rows = append(rows, row)
			}
		}
	}
	return wire.Disclosures(j.ID, to, j.Secret, j.Spec.Verify.AuditMin(), rows)
}

// drawn is what the lottery said of an attempt, and whether it was held. What
// is compared in any case, such as a replica, was drawn at a rate of one.
func drawn(j job.Job, sh *job.Shard, a job.Attempt) (wire.Drawn, bool) {
	row := wire.Drawn{Shard: sh.Index, Attempt: a.Wire, RatePPM: a.RatePPM, Audited: a.Audited}
	switch {
	case a.Drawn:
		return row, true
	case a.Reveal.Event.IsZero():
		return row, false // it was stopped before anything was decided
	case a.Audits > 0 || j.Spec.Verify.AuditMin() == audit.All:
		row.RatePPM, row.Audited = audit.All, true
	}
	return row, true
}

// disclosing tells providers, and has clients charged, until ctx ends.
func (d *Driver) disclosing(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		if err := d.tellDue(ctx); err != nil && ctx.Err() == nil {
			d.Log.Error("disclose audits", "err", err)
		}
		if err := d.chargeDue(ctx); err != nil && ctx.Err() == nil {
			d.Log.Error("charge clients", "err", err)
		}
		if err := d.collectDue(ctx, time.Now()); err != nil && ctx.Err() == nil {
			d.Log.Error("look for unpaid bills", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.tell:
		case <-tick.C:
		}
	}
}

// tellDue tells everyone whose time has come, one after the other: nobody waits
// for it.
func (d *Driver) tellDue(ctx context.Context) error {
	due, err := d.due(time.Now())
	if err != nil {
		return err
	}
	for _, t := range due {
		if err := d.tellOne(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

var errEnough = errors.New("aggregator: enough for now")

// due lists the tellings whose time has come.
func (d *Driver) due(now time.Time) (out []telling, err error) {
	err = d.Store.View(func(r store.Reader) error {
		out = nil
		return r.Scan([]byte("tell/"), func(key, value []byte) error {
			t, err := parseTelling(string(key), string(value))
			if err != nil {
				return err
			}
			if t.next > now.Unix() || len(out) == discloseMost {
				return errEnough
			}
			out = append(out, t)
			return nil
		})
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, err
}

func parseTelling(key, value string) (t telling, err error) {
	f := strings.Split(key, "/")
	if len(f) != 4 {
		return t, fmt.Errorf("aggregator: malformed key %q", key)
	}
	t.key = []byte(key)
	if t.next, err = strconv.ParseInt(f[1], 16, 64); err != nil {
		return t, err
	}
	if t.job, err = wire.ParseID(f[2]); err != nil {
		return t, err
	}
	if t.to, err = identity.ParsePubKey(f[3]); err != nil {
		return t, err
	}
	t.tries, err = strconv.Atoi(value)
	return t, err
}

// tellOne tells one provider, or writes down when to try again.
func (d *Driver) tellOne(ctx context.Context, t telling) error {
	j, err := d.Get(t.job)
	if err != nil && !errors.Is(err, ErrNoJob) {
		return err
	}
	again := false
	if err == nil {
		err = d.disclose(ctx, j, t.to)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var refused *Refused
		told := err == nil || errors.As(err, &refused) && !transient(refused.Code)
		again = !told && time.Since(j.Ended) < discloseFor
		if err != nil {
			d.Log.Info("audits disclosed", "job", j.ID.Short(), "provider", t.to.Short(), "again", again, "err", err)
		}
	}
	return d.Store.Update(func(tx store.Txn) error {
		if err := tx.Delete(t.key); err != nil || !again {
			return err
		}
		rest := min(5*time.Second<<min(t.tries, 16), time.Hour)
		return tx.Set(tellKey(time.Now().Add(rest).Unix(), t.job, t.to), fmt.Append(nil, t.tries+1))
	})
}

func transient(code string) bool {
	return code == codeBusy || code == "shutting_down" || code == "internal"
}

// disclose sends all documents on one stream. The provider closes it without a
// word when they are in order.
func (d *Driver) disclose(ctx context.Context, j job.Job, to identity.PubKey) error {
	ctx, cancel := context.WithTimeout(ctx, discloseTry)
	defer cancel()
	s, done, err := d.open(ctx, to)
	if err != nil {
		return err
	}
	defer done()
	for _, m := range Disclosures(j, to) {
		signed, err := wire.Seal(d.Key, m, time.Now())
		if err != nil {
			return err
		}
		if err := wire.WriteEvent(s, signed); err != nil {
			return err
		}
	}
	_, err = readAnswer(s)
	if isEOF(err) {
		return nil
	}
	return err
}

// isEOF reports whether a peer closed a stream in order, without a word.
func isEOF(err error) bool { return errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) }
