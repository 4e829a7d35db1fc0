package node_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/exec/gpu/gputest"
	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/wire"
)

const gpuSpec = `
name: %s
kind: batch
task: {image: %s}
inputs: [{path: %s}]
split: {by: lines, size: 5}
merge: {by: concat}
resources: {cpu: 1, memory: 64MiB, gpu: %d}
verify: {mode: none, replicas: 1, agree: 1}
payment: {rail: credit, max: 1000}
timeouts: {shard: 20s, fetch: 20s, job: 10m}
`

// rack is a member on the machine of a tree (see gputest), of which it rents
// out the cards that a request chooses.
func rack(tree, request string) func(*nodetest.Member) {
	return func(m *nodetest.Member) {
		h := gputest.Tree(m.T(), tree)
		found, err := h.Detect(m.T().Context())
		if err != nil {
			m.T().Fatal(err)
		}
		for _, d := range found {
			m.Runner.GPUs = append(m.Runner.GPUs, d.ID)
		}
		m.Config.Provider.Models.GPUs = request
		nodetest.With(node.WithGPUs(h))(m)
	}
}

// tenancy watches who has which card.
type tenancy struct {
	mu     sync.Mutex
	held   map[string]string
	shared []string
	used   map[string]int
	gate   chan struct{} // tasks end once it is closed; nil: in a moment
}

// program is a task that needs its cards for a while.
func (w *tenancy) program(ctx context.Context, task exec.Task, s exec.Streams) exec.Result {
	w.mu.Lock()
	for _, id := range task.GPUs {
		if who, taken := w.held[id]; taken {
			w.shared = append(w.shared, id+" by "+who+" and "+task.ID)
		}
		w.held[id] = task.ID
		w.used[id]++
	}
	over := w.gate
	w.mu.Unlock()
	if over == nil {
		soon := make(chan struct{})
		over = soon
		defer time.AfterFunc(20*time.Millisecond, func() { close(soon) }).Stop()
	}
	select {
	case <-over:
	case <-ctx.Done():
	}
	res := nodetest.Upper(ctx, task, s)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range task.GPUs {
		delete(w.held, id)
	}
	return res
}

func newTenancy() *tenancy {
	return &tenancy{held: map[string]string{}, used: map[string]int{}}
}

// Tasks are lent the cards that --gpus names, one tenant a card, and are
// refused more than there are.
func TestTasksOnGPUs(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	w := newTenancy()
	p := c.Add("provider", node.RoleProvider, rack("eight", "3"), func(m *nodetest.Member) { m.Runner.Program = w.program })
	client := c.Add("client", node.RoleClient)
	boss := c.Boss()

	o := offered(t, boss, p)
	if len(o.Hardware.GPUs) != 3 || len(o.Serves) != 0 {
		t.Fatalf("%+v", o.Hardware.GPUs)
	}
	rented := map[string]bool{}
	for i, g := range o.Hardware.GPUs {
		rented[g.UUID] = true
		if g.UUID != p.Runner.GPUs[i] || g.VRAMBytes < 79<<30 || !strings.Contains(g.Name, "H100") {
			t.Errorf("%+v", g)
		}
	}
	dir, file := nodetest.Lines(t, 30)
	image := nodetest.Image(t)
	for _, each := range []int{1, 2} {
		j := client.Run(fmt.Sprintf(gpuSpec, "cards", image, file, each), dir)
		rightResult(t, j, dir, file)
	}
	allAtOnce(t, w, boss, p)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.shared) > 0 || len(w.used) != 3 {
		t.Errorf("shared %v, used %v", w.shared, w.used)
	}
	for id, n := range w.used {
		if !rented[id] {
			t.Errorf("%s is not rented out and was used %d times", id, n)
		}
	}
	for gpus, want := range map[uint32]string{3: "", 4: "refused"} {
		boss.Offer.GPUs = gpus
		if code, _ := boss.Code(p, p2p.ProtoQuote, boss.Seal(boss.Offer)); code != want {
			t.Errorf("%d cards: %q", gpus, code)
		}
	}
	boss.Offer.GPUs, boss.Offer.VRAMBytes = 1, 100<<30
	if code, _ := boss.Code(p, p2p.ProtoQuote, boss.Seal(boss.Offer)); code != "refused" {
		t.Errorf("a card larger than any: %q", code)
	}
}

// allAtOnce has three tasks of a card each run at the same time.
func allAtOnce(t *testing.T, w *tenancy, boss *nodetest.Boss, p *nodetest.Member) {
	t.Helper()
	gate := make(chan struct{})
	w.mu.Lock()
	w.gate = gate
	w.mu.Unlock()
	boss.Offer.GPUs = 1
	acc := boss.Quoted(p)
	acc.GPUs = 1
	for shard := range uint32(3) {
		acc.Shard = shard
		if ev, err := boss.Ask(p, p2p.ProtoJob, boss.Seal(acc)); err != nil || ev.Kind != wire.KindProgress {
			t.Fatalf("shard %d: %s, %v", shard, ev.Kind, err)
		}
	}
	nodetest.Predicate(t, 10*time.Second, "three tasks have a card each", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.held) == 3
	})
	close(gate)
}

// Engines have cards of their own, and tasks what is left, whatever becomes of
// the engines.
func TestEnginesOnGPUs(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	w := newTenancy()
	file := weights(t)
	p := c.Add("provider", node.RoleProvider, rack("eight", "all"), nodetest.Serving("demo", "other="+file),
		func(m *nodetest.Member) { m.Runner.Program = w.program })
	client := c.Add("client", node.RoleClient, soon())
	boss := c.Boss()
	if o := offered(t, boss, p); len(o.Hardware.GPUs) != 7 || len(o.Serves) != 2 {
		t.Fatalf("%+v", o)
	}
	engines := p.Runner.Started()
	if len(engines) != 2 || len(engines[0].GPUs) != 3 || len(engines[1].GPUs) != 3 {
		t.Fatalf("%+v", engines)
	}
	held := slices.Concat(engines[0].GPUs, engines[1].GPUs)
	slices.Sort(held)
	if len(slices.Compact(held)) != 6 {
		t.Errorf("engines share a card: %v", held)
	}
	dir, lines := nodetest.Lines(t, 20)
	// An engine that is started again meanwhile comes back to its own cards.
	p.Runner.Crash(engines[0].ID, 1)
	j := client.Run(fmt.Sprintf(gpuSpec, "left", nodetest.Image(t), lines, 1), dir)
	rightResult(t, j, dir, lines)
	w.mu.Lock()
	if len(w.used) != 1 || len(w.shared) > 0 || slices.Contains(held, onlyKey(w.used)) {
		t.Errorf("used %v, shared %v, engines have %v", w.used, w.shared, held)
	}
	w.mu.Unlock()
	boss.Offer.GPUs = 2
	if code, _ := boss.Code(p, p2p.ProtoQuote, boss.Seal(boss.Offer)); code != "refused" {
		t.Errorf("a card of an engine was promised: %q", code)
	}
	if a := answered(t, client, chat("demo", "on cards")); a.text != "on cards" {
		t.Errorf("%+v", a)
	}
	for _, task := range p.Runner.Started() {
		if task.Serve != "" && strings.HasSuffix(task.ID, engines[0].ID[len(engines[0].ID)-8:]) && !slices.Equal(task.GPUs, engines[0].GPUs) {
			t.Errorf("the engine came back to %v, had %v", task.GPUs, engines[0].GPUs)
		}
	}
}

func onlyKey(m map[string]int) (key string) {
	for k := range m {
		key = k
	}
	return key
}

// What --gpus asks for and is not there ends the node with what is wrong.
func TestNoSuchGPUs(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	file := weights(t)
	for name, tc := range map[string]struct {
		opts []func(*nodetest.Member)
		want error
		says string
	}{
		"none here":          {[]func(*nodetest.Member){rack("none", "all")}, gpu.ErrNoGPU, "--gpus all"},
		"too many":           {[]func(*nodetest.Member){rack("h100", "2")}, gpu.ErrNoGPU, "1 of nvidia here"},
		"more models":        {[]func(*nodetest.Member){rack("h100", "all"), nodetest.Serving("demo", "other="+file)}, gpu.ErrNoGPU, "1 cards for 2 models"},
		"no request":         {[]func(*nodetest.Member){rack("h100", "some")}, gpu.ErrRequest, "some"},
		"another's card":     {[]func(*nodetest.Member){rack("h100", "device=GPU-deadbeef")}, gpu.ErrNoGPU, "GPU-deadbeef"},
		"no request, models": {[]func(*nodetest.Member){rack("h100", "some"), nodetest.Serving("demo")}, gpu.ErrRequest, "gpus:"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.Fails(strings.NewReplacer(" ", "-", ",", "").Replace(name), node.RoleProvider, tc.opts...)
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Error(err)
			}
		})
	}
}

// A machine with cards of several vendors serves on one of them.
func TestEngineOnMixedGPUs(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	p := c.Add("provider", node.RoleProvider, rack("mixed", "all"), nodetest.Serving("demo"))
	tasks := p.Runner.Started()
	if len(p.Runner.GPUs) < 2 || len(tasks) != 1 || len(tasks[0].GPUs) != 1 {
		t.Errorf("of %v the engine has %+v", p.Runner.GPUs, tasks)
	}
}
