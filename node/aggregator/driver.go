package aggregator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"infernet.tech/infernet/dht"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
	"infernet.tech/infernet/store"
)

// Errors of the driver.
var (
	ErrNoJob    = errors.New("aggregator: no such job")
	ErrShutdown = errors.New("aggregator: node is shutting down")
	// ErrNoEvidence means that there was no dispute.
	ErrNoEvidence = errors.New("aggregator: nothing of that kind is kept")
)

// Rail is what an aggregator needs of its payment rails.
type Rail interface {
	// Takes tells whether there is a rail of that name that carries that unit.
	Takes(rail string, unit payments.Unit) bool
	// Fund locks money for p where its rail does so: see payments.Funder.
	Fund(ctx context.Context, p payments.Payment) error
	// Release gives up what was locked for ref.
	Release(ctx context.Context, unit payments.Unit, ref payments.Ref, reason string) error
	Pay(ctx context.Context, p payments.Payment) (payments.Proof, error)
	// As the aggregator of others' jobs it is a payee too.
	Expect(ctx context.Context, p payments.Payment) error
	RoomFor(ctx context.Context, peer identity.PubKey, unit payments.Unit) (payments.Amount, error)
	// Received is the entry of what p.Peer pays as p, or payments.ErrNoEntry.
	Received(ctx context.Context, p payments.Payment) (payments.Entry, error)
}

// Market finds providers; *dht.DHT does.
type Market interface {
	Search(ctx context.Context, q dht.Query) ([]dht.Found, error)
}

// Config is what the node decides for this role.
type Config struct {
	Network string
	Dir     string // results of finished jobs, and scratch space
	Tick    time.Duration

	Validators []identity.PubKey // whose word on a disputed result decides
	ProbePPM   uint32            // how often others who validate are probed; 0: job.Submit's default
	BillGrace  time.Duration     // how long a client may take to pay for a job; 0: a quarter of an hour
}

// Deps are the parts a driver is composed of.
type Deps struct {
	Key     *identity.Key
	Store   store.Store // keys of this role alone
	Content *content.Library
	Peers   content.Opener
	Market  Market
	Rail    Rail
	Ledger  *reputation.Ledger
	Trust   Trust                 // nil: by the ledger's own receipts alone
	Compare Comparer              // nil: results are compared byte by byte alone
	Replay  Replayer              // nil: what is to be replayed stays inconclusive
	Around  Surroundings          // nil: nothing is known of the network around
	Fraud   func(wire.FraudProof) // told what documents prove of a provider; may be nil
	Penalty func(peer identity.PubKey, points int, reason string)
	Log     *slog.Logger
}

// Driver drives all jobs of one node.
type Driver struct {
	cfg Config
	Deps

	start chan *actor   // to Run, which owns the goroutines
	tell  chan struct{} // to Run: somebody is to be told of audits
	ready chan struct{}

	judged atomic.Bool // strangers that validate were met

	taking   sync.Mutex // held while a client's credit is compared with its jobs
	unwanted unwanted   // guarded by taking

	mu     sync.Mutex
	actors map[job.ID]*actor
	ended  []*feed // of the last jobs that ended, for those who come late
}

// maxEnded is how many ended jobs keep their output.
const maxEnded = 16

// New makes a driver; Run starts it.
func New(cfg Config, deps Deps) *Driver {
	if cfg.Tick <= 0 {
		cfg.Tick = 500 * time.Millisecond
	}
	return &Driver{
		cfg: cfg, Deps: deps,
		start: make(chan *actor), tell: make(chan struct{}, 1), ready: make(chan struct{}),
		actors: map[job.ID]*actor{},
	}
}

// Run drives jobs until ctx ends. Jobs that were under way when the node
// stopped go on from where they were written.
func (d *Driver) Run(ctx context.Context) error {
	live, err := d.resume()
	if err != nil {
		return fmt.Errorf("resume jobs: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, a := range live {
		g.Go(func() error { return a.run(ctx) })
	}
	g.Go(func() error { return d.disclosing(ctx) })
	close(d.ready)
	for {
		select {
		case <-ctx.Done():
			return g.Wait()
		case a := <-d.start:
			g.Go(func() error { return a.run(ctx) })
		}
	}
}

// Ready is closed once earlier jobs go on and new ones are taken.
func (d *Driver) Ready() <-chan struct{} { return d.ready }

// resume loads the jobs that have not ended.
func (d *Driver) resume() ([]*actor, error) {
	jobs, err := loadJobs(d.Store)
	if err != nil {
		return nil, err
	}
	owing, err := d.openErrands()
	if err != nil {
		return nil, err
	}
	var live []*actor
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range jobs {
		if j.State.Terminal() && len(j.Pending()) == 0 && !owing[j.ID] {
			continue
		}
		a := newActor(d, j)
		a.resumed = true
		d.actors[j.ID] = a
		live = append(live, a)
	}
	return live, nil
}

// launch stores a new job and starts driving it.
func (d *Driver) launch(ctx context.Context, ev job.Submit) (job.Job, error) {
	j, _, err := job.Step(job.Job{}, ev)
	if err != nil {
		return job.Job{}, err
	}
	return d.adopt(ctx, j)
}

// adopt stores a job and gives it to Run. A job that is known already is
// returned as it stands: a client whose connection broke sends its job again
// while the first one is still being taken.
func (d *Driver) adopt(ctx context.Context, j job.Job) (job.Job, error) {
	a, known, err := d.enter(j)
	if err != nil || known.ID != (job.ID{}) {
		return known, err
	}
	select {
	case d.start <- a:
		return j, nil
	case <-ctx.Done():
		// It is stored: the next Run takes it up.
		return j, ctx.Err()
	}
}

// enter stores a new job and makes its actor, or returns the job of that id.
func (d *Driver) enter(j job.Job) (a *actor, known job.Job, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a := d.actors[j.ID]; a != nil {
		return nil, a.job(), nil
	}
	if known, err = loadJob(d.Store, j.ID); !errors.Is(err, ErrNoJob) {
		return nil, known, err
	}
	if err := saveJob(d.Store, j); err != nil {
		return nil, job.Job{}, fmt.Errorf("store the job: %w", err)
	}
	a = newActor(d, j)
	d.actors[j.ID] = a
	return a, job.Job{}, nil
}

// Get returns a job as it stands.
func (d *Driver) Get(id job.ID) (job.Job, error) {
	if a := d.actor(id); a != nil {
		return a.job(), nil
	}
	return loadJob(d.Store, id)
}

// List returns all jobs, newest first.
func (d *Driver) List() ([]job.Job, error) {
	jobs, err := loadJobs(d.Store)
	if err != nil {
		return nil, err
	}
	for i := range jobs {
		if a := d.actor(jobs[i].ID); a != nil {
			jobs[i] = a.job()
		}
	}
	return jobs, nil
}

// Cancel asks for the end of a job. One that has ended stays as it is.
func (d *Driver) Cancel(ctx context.Context, id job.ID, reason string) (job.Job, error) {
	a := d.actor(id)
	if a == nil {
		return loadJob(d.Store, id)
	}
	a.post(ctx, mail{ev: job.CancelRequested{Reason: reason, Now: time.Now()}})
	return a.job(), nil
}

func (d *Driver) actor(id job.ID) *actor {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.actors[id]
}

// retire forgets the actor of a job that has ended and keeps its feed.
func (d *Driver) retire(a *actor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.actors, a.j.ID)
	d.ended = append(d.ended, a.feed)
	if len(d.ended) > maxEnded {
		d.ended = d.ended[1:]
	}
}

// feedOf returns the feed of a live or lately ended job, or nil.
func (d *Driver) feedOf(id job.ID) *feed {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a := d.actors[id]; a != nil {
		return a.feed
	}
	for _, f := range d.ended {
		if f.id == id {
			return f
		}
	}
	return nil
}

// InUse lists the blobs that live jobs need: what providers still fetch from
// here, results that are not merged yet, known answers and evidence.
func (d *Driver) InUse() []string {
	cids := append(d.knownCIDs(), d.evidenceCIDs()...)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.actors {
		j := a.job()
		cids = append(cids, j.Image.CID, j.Model.CID, j.Result.CID)
		for _, sh := range j.Shards {
			cids = append(cids, sh.Input.CID)
			for _, at := range sh.Attempts {
				cids = append(cids, at.Reveal.Root)
			}
		}
	}
	return cids
}
