package aggregator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// unwantedJob is a job that its client cancelled before it was taken.
type unwantedJob struct {
	client identity.PubKey
	id     job.ID
}

// unwanted remembers the last of them: a cancel may overtake the job itself,
// whose image and inputs take time to bring here.
type unwanted []unwantedJob

// maxUnwanted bounds what strangers can have remembered.
const maxUnwanted = 1024

func (u *unwanted) add(j unwantedJob) {
	if !u.has(j) {
		*u = append((*u)[max(0, len(*u)+1-maxUnwanted):], j)
	}
}

func (u *unwanted) has(j unwantedJob) bool { return slices.Contains(*u, j) }

// heedWithin is how long a cancelled job may take to write its end down.
const heedWithin = 5 * time.Second

var errHeeded = errors.New("aggregator: heard")

// ServeCancel ends a client's job on its wish and answers once the end is written
// down; the rest, and what is owed, the client hears where it waits for its job.
// It reports false of a job that is not this peer's, or not known: that is not
// taken any more either, and the document is for another role to answer.
func (d *Driver) ServeCancel(ctx context.Context, s *p2p.Stream, ev wire.Event) (taken bool, err error) {
	m, err := wire.Decode[wire.Cancel](ev)
	if err != nil {
		return false, nil
	}
	d.taking.Lock()
	j, err := d.Get(m.Job)
	if errors.Is(err, ErrNoJob) || err == nil && j.Client != s.Peer() {
		d.unwanted.add(unwantedJob{s.Peer(), m.Job})
		err, j.ID = nil, job.ID{}
	}
	d.taking.Unlock()
	if j.ID.IsZero() && err == nil {
		return false, nil
	}
	if err == nil {
		err = d.heed(ctx, j.ID, fmt.Sprintf("by its client: %.100q", m.Reason))
	}
	if err != nil {
		return true, d.decline(s, ev.ID, codeBusy, err)
	}
	signed, err := wire.Seal(d.Key, wire.Progress{Job: j.ID, State: wire.StateAccepted, Detail: "cancelled"}, time.Now())
	if err != nil {
		return true, err
	}
	return true, wire.WriteEvent(s, signed)
}

// heed cancels a job and waits until that is written down.
func (d *Driver) heed(ctx context.Context, id job.ID, reason string) error {
	ctx, cancel := context.WithTimeout(ctx, heedWithin)
	defer cancel()
	if _, err := d.Cancel(ctx, id, reason); err != nil {
		return err
	}
	err := d.Watch(ctx, id, func(u Update) error {
		if u.Job.Ending != "" || u.Job.State.Terminal() {
			return errHeeded
		}
		return nil
	})
	if errors.Is(err, errHeeded) {
		return nil
	}
	return err
}
