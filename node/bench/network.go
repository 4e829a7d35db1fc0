package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/devnet"
)

// findTime is how long the client may take to find its provider.
const findTime = 30 * time.Second

const imageName = "bench-noop"

// jobSpec is what a person would write: one provider, believed.
const jobSpec = `name: bench
kind: batch
task: {image: %s}
inputs: [{path: in.txt}]
split: {by: lines, size: 1}
merge: {by: none}
resources: {cpu: 1, memory: 64MiB, disk: 16MiB}
verify: {mode: none}
payment: {rail: credit, max: 100000}
timeouts: {shard: 60s, job: 10m}
`

// trio is one provider and one client, and the relay through which they
// find each other; all are processes.
type trio struct {
	dir    string
	nodes  *devnet.Network
	client *api.Client // of the client node
	worker *api.Client // of the provider
	number int
}

// newTrio starts the network; serve and flags are for the provider alone.
func newTrio(ctx context.Context, dir, bin string, serve []string, flags ...string) (_ *trio, err error) {
	n := &trio{dir: dir}
	n.nodes, err = devnet.Up(ctx, devnet.Config{
		Dir: filepath.Join(dir, "net"), Bin: bin, Providers: 1, Serve: serve, ProviderArgs: flags,
		NodeArgs: []string{"--credit-limit", "1000000000"}, // nobody runs out of it meanwhile
	})
	if err != nil {
		return nil, err
	}
	client, _ := n.nodes.Node("client")
	worker, _ := n.nodes.Node("provider1")
	if n.client, err = client.Client(); err == nil {
		n.worker, err = worker.Client()
	}
	if err == nil {
		err = n.find(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", err, n.close(ctx))
	}
	return n, nil
}

// newDispatchTrio is a network whose client has the image.
func newDispatchTrio(ctx context.Context, dir string, cfg DispatchConfig, img exec.Image) (*trio, error) {
	n, err := newTrio(ctx, dir, cfg.Bin, nil, "--slots", strconv.Itoa(cfg.AtOnce))
	if err != nil {
		return nil, err
	}
	if _, err := n.client.Add(ctx, api.Images, api.AddRequest{Path: img.Layout, Name: imageName}); err != nil {
		return nil, fmt.Errorf("%w (%w)", err, n.close(ctx))
	}
	return n, nil
}

// find waits until the client knows the provider.
func (n *trio) find(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, findTime, fmt.Errorf("%w: the client finds no provider", ErrJob))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := n.client.Providers(ctx, api.ProviderQuery{Max: 1})
		if err == nil && len(list.Providers) > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// removalTime is how long the nodes may take to end after an interruption.
const removalTime = time.Minute

func (n *trio) close(ctx context.Context) error {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), removalTime)
	defer cancel()
	return n.nodes.Close(late)
}

// job runs a job of so many shards and tells how long it took from the
// submission to its end. No input was seen before, so that it has to travel.
func (n *trio) job(ctx context.Context, shards int, into *phases) (time.Duration, error) {
	var in strings.Builder
	for i := range shards {
		n.number++
		fmt.Fprintf(&in, "task %d, shard %d\n", n.number, i)
	}
	if err := os.WriteFile(filepath.Join(n.dir, "in.txt"), []byte(in.String()), 0o644); err != nil {
		return 0, err
	}
	since := time.Now()
	j, err := n.client.Submit(ctx, api.SubmitRequest{Spec: fmt.Sprintf(jobSpec, imageName), Dir: n.dir})
	if err != nil {
		return 0, fmt.Errorf("submit: %w", err)
	}
	submitted := time.Now()
	if j, err = n.client.Wait(ctx, j.ID, api.EventQuery{}, nil); err != nil {
		return 0, fmt.Errorf("wait: %w", err)
	}
	known := time.Now()
	if j.State != api.JobDone || j.Shards.OK != shards {
		return 0, fmt.Errorf("%w: %s is %s with %d of %d shards: %s", ErrJob, j.ID, j.State, j.Shards.OK, shards, j.Reason)
	}
	if into != nil {
		why, err := n.client.Explain(ctx, j.ID)
		if err != nil {
			return 0, err
		}
		into.add(since, submitted, known, why.History)
	}
	return known.Sub(since), n.idle(ctx)
}

// idle waits until the provider has nothing left to remove.
func (n *trio) idle(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		st, err := n.worker.Status(ctx)
		if err != nil {
			return err
		}
		for _, s := range st.Subsystems {
			if s.Name == "provider" && strings.HasPrefix(s.Detail, "0 of ") {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
