package main

import (
	"context"
	"io"
	"strings"
	"time"

	"infernet.tech/infernet/node/api"
)

// scriptedNode answers the local API as scripts need it. A job named "cheated"
// is told to have caught somebody, one named "nobody" finds no provider, one
// named "slow" runs until it is cancelled.
type scriptedNode struct {
	stop context.CancelFunc
	name string // of the job submitted last
	end  chan struct{}
}

const (
	evilText = "\x1b[2Jpwned\u202e"
	someNpub = "npub1krc9nwmjzj3fx9rk6se644vkvxqdzdet39m8afdmzhe262dhxv2s3h3lq2"
)

func (n *scriptedNode) Status(context.Context) (api.Status, error) {
	return api.Status{NPub: someNpub, Network: "devnet-test", Roles: []string{"client"}, Ready: true, Peers: 1,
		Subsystems: []api.Subsystem{{Name: "p2p", State: api.StateReady, Since: time.Now(), LastError: evilText}}}, nil
}

func (n *scriptedNode) Peers(context.Context) ([]api.Peer, error) {
	return []api.Peer{{NPub: someNpub, Addrs: []string{"/ip4/127.0.0.1/tcp/1"}, Direction: "out", Agent: evilText}}, nil
}

func (n *scriptedNode) Stop(context.Context) error { n.stop(); return nil }

func (n *scriptedNode) Submit(_ context.Context, req api.SubmitRequest) (api.Job, error) {
	n.name, n.end = "plain", make(chan struct{})
	for _, name := range []string{"cheated", "nobody", "slow", "prompt"} {
		if strings.Contains(req.Spec, name) {
			n.name = name
		}
	}
	return n.job("submitted"), nil
}

func (n *scriptedNode) job(state string) api.Job {
	return api.Job{ID: "0123456789abcdef", Name: n.name, Kind: "batch", State: state, Cost: api.Amount{Amount: 7, Unit: "credits"},
		Shards: api.ShardCounts{Total: 2}, Providers: []api.ProviderShare{}, TimingsMS: map[string]int64{}}
}

func (n *scriptedNode) List(context.Context) ([]api.Job, error) { return nil, nil }

func (n *scriptedNode) Get(_ context.Context, id string) (api.Job, error) {
	if n.name == "" {
		return api.Job{}, api.Errorf(api.CodeNotFound, "infernet job list", "no job %q", id)
	}
	return n.final(), nil
}

func (n *scriptedNode) Cancel(context.Context, string, string) (api.Job, error) {
	close(n.end)
	return n.job("cancelled"), nil
}

func (n *scriptedNode) Explain(context.Context, string) (api.Explanation, error) {
	return api.Explanation{ID: "0123456789abcdef", State: "matching", Summary: "nobody matches",
		Dropped: []api.Candidate{{NPub: someNpub, Reason: evilText, Fix: "ask for less memory"}}}, nil
}

// final is the job at its end, as its name decides.
func (n *scriptedNode) final() api.Job {
	j := n.job(api.JobDone)
	j.Shards.OK = 2
	switch n.name {
	case "nobody":
		j = n.job(api.JobFailed)
		j.Code, j.Reason = api.CodeNoProvider, "no provider matches"
	case "slow":
		j = n.job(api.JobCancelled)
	case "cheated":
		j.Shards.Mismatched = 1
		j.Cheaters = []api.Cheater{{NPub: someNpub, Evidence: []string{"revealed another result"}}}
	}
	return j
}

func (n *scriptedNode) Events(ctx context.Context, _ string, q api.EventQuery, fn func(api.Event) error) error {
	zero := 0
	evs := []api.Event{
		{Seq: 1, Type: api.EventState, State: "matching"},
		{Seq: 2, Type: api.EventProgress, Shards: &api.ShardCounts{Total: 2, OK: 1}},
	}
	if q.Logs {
		evs = append(evs, api.Event{Type: api.EventLog, Shard: &zero, Attempt: &zero, Stream: "stdout", Data: []byte("one\ntw")},
			api.Event{Type: api.EventLog, Shard: &zero, Attempt: &zero, Stream: "stdout", Data: []byte("o\n")})
	}
	for _, ev := range evs {
		if err := fn(ev); err != nil {
			return err
		}
	}
	if n.name == "slow" {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.end:
		}
	}
	j := n.final()
	return fn(api.Event{Seq: 3, Type: api.EventEnd, Job: &j})
}

func (n *scriptedNode) Export(_ context.Context, _, dest string) (api.JobResult, error) {
	return api.JobResult{CID: "bafkexample", Path: dest}, nil
}

func (n *scriptedNode) Receipts(context.Context, string) ([]api.Receipt, error) { return nil, nil }

func (n *scriptedNode) Providers(context.Context, api.ProviderQuery) (api.ProviderList, error) {
	return api.ProviderList{
		Providers: []api.Provider{{NPub: someNpub, Class: evilText, Cores: 4, Memory: 8 << 30, Slots: 2}},
		Dropped:   []api.Candidate{{NPub: someNpub, Reason: "memory: has 1 GiB, needs 2 GiB"}},
	}, nil
}

func (n *scriptedNode) Reputation(_ context.Context, npub string) (api.Reputation, error) {
	return api.Reputation{NPub: npub, Score: 0.5, Receipts: 3, Good: 3}, nil
}

func (n *scriptedNode) Balances(context.Context) ([]api.Balance, error) {
	return []api.Balance{{Rail: "credit", Peer: someNpub, Unit: "credits", Paid: 9, Limit: 100}}, nil
}

func (n *scriptedNode) Payments(context.Context) ([]api.Payment, error) { return nil, nil }

// scriptedShelf keeps nothing and gives everything one CID.
type scriptedShelf struct{}

func (scriptedShelf) Add(_ context.Context, _ api.ContentKind, req api.AddRequest) (api.Content, error) {
	size := uint64(0)
	if req.Source == "hf:org/gated/m.gguf" {
		return api.Content{}, api.Errorf(api.CodeRefused, "start the node with HF_TOKEN set", "the hub refuses access")
	}
	if req.Source != "" {
		for b := uint64(0); b <= 4096; b += 1024 {
			req.Progress(api.AddProgress{Bytes: b, Total: 4096})
		}
		return api.Content{CID: "bafkexample", Size: 4096, Path: "/hub/m.gguf", Name: req.Name}, nil
	}
	if req.Body != nil {
		raw, err := io.ReadAll(req.Body)
		if err != nil {
			return api.Content{}, err
		}
		size = uint64(len(raw))
	}
	return api.Content{CID: "bafkexample", Size: size, Path: req.Path, Name: req.Name}, nil
}

func (s scriptedShelf) List(ctx context.Context, kind api.ContentKind) ([]api.Content, error) {
	if kind != api.Models {
		return nil, nil
	}
	x, err := s.Show(ctx, "llama", false)
	return []api.Content{x, {Name: "odd", CID: "bafkother", Size: 7}}, err
}

func (scriptedShelf) Get(_ context.Context, _ api.ContentKind, req api.GetRequest) (api.Content, error) {
	return api.Content{}, api.Errorf(api.CodeNoContent, "is a node that has it connected?", "nobody has %s", req.Ref)
}

func (scriptedShelf) Pin(_ context.Context, _ api.ContentKind, ref string, pinned bool) (api.Content, error) {
	return api.Content{CID: ref, Pinned: pinned}, nil
}

func (scriptedShelf) Show(_ context.Context, ref string, template bool) (api.Content, error) {
	if ref != "llama" && ref != "bafkexample" {
		return api.Content{}, api.Errorf(api.CodeNotFound, "", "no model %q", ref)
	}
	m := &api.ModelHead{Format: "gguf", Title: evilText, Architecture: "llama", Quantisation: "Q4_K_M", Parameters: 1_235_814_400,
		Context: 131072, Embedding: 2048, Layers: 16, Vocabulary: 128256, Tokenizer: "gpt2", ChatTemplate: "llama-3"}
	if template {
		m.TemplateText = "{{ bos_token }}" + evilText
	}
	return api.Content{Name: "llama", CID: "bafkexample", Size: 4096, Path: "/models/llama.gguf", Model: m}, nil
}

func (scriptedShelf) Alias(_ context.Context, _ api.ContentKind, req api.AliasRequest) (api.Content, error) {
	if req.Ref == "nothing" {
		return api.Content{}, api.Errorf(api.CodeNotFound, "", "no model %q", req.Ref)
	}
	return api.Content{Name: req.Name, CID: "bafkexample"}, nil
}

func (scriptedShelf) Remove(_ context.Context, _ api.ContentKind, name string) (api.Content, error) {
	return api.Content{Name: name, CID: "bafkexample"}, nil
}

func (scriptedShelf) GC(_ context.Context, _ api.ContentKind, req api.GCRequest) (api.GCReport, error) {
	return api.GCReport{DryRun: req.DryRun, Freed: 2048}, nil
}

func (scriptedShelf) WriteCAR(_ context.Context, _ string, w io.Writer) error {
	_, err := io.WriteString(w, "car")
	return err
}

func (scriptedShelf) Share(_ context.Context, _ api.ContentKind, ref string, shared bool) (api.Content, error) {
	return api.Content{CID: ref, Shared: shared}, nil
}

func (scriptedShelf) Verify(context.Context, api.ContentKind, api.VerifyRequest) (api.VerifyReport, error) {
	return api.VerifyReport{Checked: 1}, nil
}

func (scriptedShelf) Traffic(context.Context) (api.TrafficReport, error) {
	return api.TrafficReport{}, nil
}

func (scriptedShelf) Mirror(context.Context) (api.Mirror, error) {
	return api.Mirror{Addr: "127.0.0.1:5051", NPub: someNpub}, nil
}
