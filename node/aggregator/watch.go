package aggregator

import (
	"context"

	"infernet.tech/infernet/node/job"
)

// Watch calls fn with the job as it stands and then at each change, one call
// at a time, until the job has ended, fn fails or ctx does. A job that has
// ended already is told once.
func (d *Driver) Watch(ctx context.Context, id job.ID, fn func(Update) error) error {
	f := d.feedOf(id)
	if f == nil {
		j, err := loadJob(d.Store, id)
		if err != nil {
			return err
		}
		return fn(Update{Job: j, End: true})
	}
	for next := 0; ; {
		u, n, changed := f.since(next)
		next = n
		if err := fn(u); err != nil || u.End {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
