package aggregator_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/aggregator"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// spec is a job of five lines a shard, verified as verify says. Its shards have
// time: on a busy machine nothing is late.
func spec(name, image, file, verify string) string {
	return fmt.Sprintf(`
name: %s
kind: batch
task: {image: %s}
inputs: [{path: %s}]
split: {by: lines, size: 5}
merge: {by: concat}
resources: {cpu: 1, memory: 64MiB}
%s
payment: {rail: credit, max: 5000}
timeouts: {shard: 2m, fetch: 2m, job: 10m}
`, name, image, file, verify)
}

const adaptive = "" // what is left out

// world is a client with work to give away.
type world struct {
	*nodetest.Cluster
	t         *testing.T
	client    *nodetest.Member
	disk      *nodetest.Crash // of the client
	held      *holding        // the same, counted
	image     string
	dir, file string
}

func newWorld(t *testing.T, lines int, client ...func(*nodetest.Member)) *world {
	t.Helper()
	w := &world{Cluster: nodetest.New(t), t: t, image: nodetest.Image(t), disk: nodetest.NewCrash()}
	w.dir, w.file = nodetest.Lines(t, lines)
	w.held = &holding{Crash: w.disk, now: map[string]bool{}}
	w.client = w.Add("client", node.RoleClient, append(client, nodetest.With(node.WithStore(w.held)))...)
	return w
}

// honest adds n honest providers.
func (w *world) honest(n int) (out []*nodetest.Member) {
	for i := range n {
		out = append(out, w.Add(fmt.Sprintf("honest%d-%d", len(w.Nodes), i), node.RoleProvider))
	}
	return out
}

// finds waits until the client's searches bring these providers: who comes up just
// before a job may be missed by it.
func (w *world) finds(providers ...*nodetest.Liar) {
	w.t.Helper()
	nodetest.NoError(w.t, time.Minute, func() error {
		list, err := w.client.API().Providers(w.t.Context(), api.ProviderQuery{})
		for _, l := range providers {
			if err == nil && !slices.ContainsFunc(list.Providers, func(p api.Provider) bool { return p.NPub == l.NPub() }) {
				err = fmt.Errorf("%d providers are found, %s is none of them", len(list.Providers), l.NPub())
			}
		}
		return err
	})
}

// tries is in how many jobs something is waited for that need not come in any one
// of them: a provider that answers too late is given nothing of a job, and who gets
// what is drawn.
const tries = 20

// has reports whether the job has an attempt of that provider of which ok holds.
func (w *world) has(id string, provider identity.PubKey, ok func(*job.Shard, job.Attempt) bool) bool {
	w.t.Helper()
	for _, sh := range w.stored(id).Shards {
		for _, a := range sh.Attempts {
			if a.Provider == provider && ok(sh, a) {
				return true
			}
		}
	}
	return false
}

// hasCommitted is of attempts whose commit came in: their providers are told of
// the audits.
func hasCommitted(_ *job.Shard, a job.Attempt) bool { return !a.Commit.Event.IsZero() }

// wasJudged is of attempts that got a verdict on their result.
func wasJudged(_ *job.Shard, a job.Attempt) bool {
	return a.State == job.AttemptBad || a.State == job.AttemptOK || a.State == job.AttemptSettled
}

// candidate reports whether a provider was there to be given some of the job.
func (w *world) candidate(id string, provider identity.PubKey) bool {
	w.t.Helper()
	return slices.ContainsFunc(w.stored(id).Candidates, func(c job.Candidate) bool { return c.Provider == provider })
}

func (w *world) submit(name, verify string) string {
	w.t.Helper()
	j, err := w.client.API().Submit(w.t.Context(), api.SubmitRequest{Spec: spec(name, w.image, w.file, verify), Dir: w.dir})
	if err != nil {
		w.t.Fatal(err)
	}
	return j.ID
}

// trySubmit is submit of a job that may not be taken any more: then it is "".
func (w *world) trySubmit(name, verify string) string {
	j, err := w.client.API().Submit(w.t.Context(), api.SubmitRequest{Spec: spec(name, w.image, w.file, verify), Dir: w.dir})
	if err != nil {
		return ""
	}
	return j.ID
}

func (w *world) run(name, verify string) api.Job {
	w.t.Helper()
	return w.client.Wait(w.submit(name, verify))
}

// lines makes the input n lines that no other text has.
func (w *world) lines(text string, n int) {
	w.t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s, line %d\n", text, i)
	}
	w.dir, w.file = w.t.TempDir(), "in.txt"
	if err := os.WriteFile(filepath.Join(w.dir, w.file), []byte(b.String()), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// right holds a job's result against its input in capitals.
func (w *world) right(j api.Job) {
	w.t.Helper()
	if wrong := w.wrong(j); wrong != "" {
		w.t.Error(wrong)
		w.t.Log(w.client.History(j.ID))
	}
}

func (w *world) wrong(j api.Job) string {
	if j.State != "done" {
		return fmt.Sprintf("job is %s: %s %s", j.State, j.Reason, j.Hint)
	}
	got, err := os.ReadFile(j.Result.Path)
	if err != nil {
		return err.Error()
	}
	in, err := os.ReadFile(filepath.Join(w.dir, w.file))
	if err != nil {
		return err.Error()
	}
	if want := strings.ToUpper(string(in)); string(got) != want {
		return fmt.Sprintf("result is %d bytes, want %d: %.80q", len(got), len(want), got)
	}
	return ""
}

// stored is the job as its machine has it.
func (w *world) stored(id string) job.Job {
	w.t.Helper()
	parsed, err := wire.ParseID(id)
	if err != nil {
		w.t.Fatal(err)
	}
	j, err := aggregator.LoadJob(store.Prefix(w.disk, "jobs/"), parsed)
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

// untold counts those that are still to be told of audits.
func (w *world) untold() (n int) {
	w.t.Helper()
	err := store.Prefix(w.disk, "jobs/").View(func(r store.Reader) error {
		n = 0
		return r.Scan([]byte("tell/"), func(_, _ []byte) error {
			n++
			return nil
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// all lists the ids of the client's jobs.
func (w *world) all() (ids []string) {
	w.t.Helper()
	jobs, err := w.client.API().Jobs(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, j := range jobs {
		ids = append(ids, j.ID)
	}
	return ids
}

func (w *world) paid(npub string) uint64 {
	w.t.Helper()
	balances, err := w.client.API().Balances(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range balances {
		if b.Peer == npub {
			return b.Paid
		}
	}
	return 0
}

// disclosed waits for a liar to be told of a job, and holds what it is told
// against the commits that it made.
func disclosed(t *testing.T, l *nodetest.Liar, id string) (rows int) {
	t.Helper()
	var got []wire.Disclosure
	nodetest.Predicate(t, 20*time.Second, "the audits are disclosed", func() bool {
		got = slices.DeleteFunc(l.Shown(), func(m wire.Disclosure) bool { return m.Job.String() != id })
		return len(got) > 0 && got[len(got)-1].Last
	})
	said := map[[2]uint32]bool{}
	for _, m := range got {
		for _, row := range m.Rows {
			said[[2]uint32{row.Shard, row.Attempt}] = true
			if row.RatePPM < m.AuditMin {
				t.Errorf("shard %d was drawn at %d ppm, %d were promised", row.Shard, row.RatePPM, m.AuditMin)
			}
			for _, w := range l.Works() {
				if w.Accept.Job.String() != id || w.Accept.Shard != row.Shard || w.Accept.Attempt != row.Attempt {
					continue
				}
				rows++
				c, err := wire.Decode[wire.Commit](w.Commit)
				if err != nil || !m.Replay(row, c.C) {
					t.Errorf("shard %d, attempt %d: the lottery does not replay: %+v, %v", row.Shard, row.Attempt, row, err)
				}
			}
		}
	}
	for _, w := range l.Works() {
		if w.Accept.Job.String() == id && !w.Asked.ID.IsZero() && !said[[2]uint32{w.Accept.Shard, w.Accept.Attempt}] {
			t.Errorf("nothing is said of shard %d, attempt %d, which was revealed", w.Accept.Shard, w.Accept.Attempt)
		}
	}
	return rows
}

// At what a job file that says nothing asks for, one who always cheats is
// caught, paid for nothing, and shown afterwards that the draw was fair.
func TestAdaptiveCatchesACheater(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]nodetest.Script{
		"always":             nodetest.Wrong(nil),
		"in low numbers":     nodetest.Wrong(nodetest.FirstRuns),
		"where it pays":      nodetest.Wrong(nodetest.Dear(5)),
		"in half of it":      nodetest.Wrong(nodetest.Share(500)),
		"copies and invents": nodetest.NewRing().Copy(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 60)
			liar := w.Liar(script)
			w.honest(3)
			w.finds(liar)
			before := uint64(0) // paid in jobs of which nothing was looked at
			j := w.run("adaptive", adaptive)
			for round := 0; !w.has(j.ID, liar.ID(), wasJudged); round++ {
				if round == tries {
					t.Fatal("nothing of the liar was ever looked at")
				}
				w.right(j)
				before = w.paid(liar.NPub())
				w.lines(fmt.Sprint(name, round), 60)
				j = w.run(fmt.Sprintf("adaptive-%d", round), adaptive)
			}
			w.right(j)
			worked := 0
			for _, a := range liar.Works() {
				if a.Accept.Job.String() == j.ID {
					worked++
				}
			}
			caught := slices.ContainsFunc(j.Cheaters, func(c api.Cheater) bool { return c.NPub == liar.NPub() })
			if name != "in half of it" && name != "in low numbers" && !caught {
				t.Errorf("not caught in %d shards: %+v", worked, j.Cheaters)
			}
			if caught && len(j.Cheaters[0].Evidence) == 0 {
				t.Error("without evidence")
			}
			if len(j.Cheaters) > 1 || len(j.Cheaters) == 1 && !caught {
				t.Errorf("cheaters: %+v", j.Cheaters)
			}
			if got := w.paid(liar.NPub()) - before; caught && got > 5*uint64(worked-1) {
				t.Errorf("paid %d for %d shards, one at least of them wrong", got, worked)
			}
			disclosed(t, liar, j.ID)
		})
	}
}
