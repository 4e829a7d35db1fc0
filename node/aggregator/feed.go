package aggregator

import (
	"sync"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/tasklog"
	"infernet.tech/infernet/p2p/identity"
)

// maxLog is how much of a job's task output is kept for watchers who come
// late.
const maxLog = 1 << 20

// logCost is what keeping some output takes beside its bytes, so that a
// provider cannot fill the memory with empty chunks.
const logCost = 96

// Log is some live output of one attempt.
type Log struct {
	Shard, Attempt uint32 // as documents number it
	Provider       identity.PubKey
	Chunk          tasklog.Chunk
}

// Update is what a watcher sees: the job as it stands now, and the output that
// came since it last looked.
type Update struct {
	Job  job.Job
	Logs []Log
	End  bool // nothing more comes
}

// feed lets many watch one job without holding it up: a watcher that is slow
// skips states and never output that is still kept.
type feed struct {
	id      job.ID
	mu      sync.Mutex
	job     job.Job
	logs    []Log
	dropped int // logs cut off the front
	size    int
	ended   bool
	changed chan struct{}
}

func newFeed(j job.Job) *feed { return &feed{id: j.ID, job: j, changed: make(chan struct{})} }

func (f *feed) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *feed) update(j job.Job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.job = j
	f.wake()
}

func (f *feed) log(shard, attempt uint32, provider identity.PubKey, c tasklog.Chunk) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logs = append(f.logs, Log{shard, attempt, provider, c})
	f.size += len(c.Data) + logCost
	for f.size > maxLog {
		f.size -= len(f.logs[0].Chunk.Data) + logCost
		f.logs = f.logs[1:]
		f.dropped++
	}
	f.wake()
}

func (f *feed) close(j job.Job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.job, f.ended = j, true
	f.wake()
}

// since returns what came after the first n logs, how many there were in all,
// and a channel that closes when there is more.
func (f *feed) since(n int) (u Update, next int, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from := min(max(n-f.dropped, 0), len(f.logs))
	u = Update{Job: f.job, Logs: f.logs[from:len(f.logs):len(f.logs)], End: f.ended}
	return u, f.dropped + len(f.logs), f.changed
}
