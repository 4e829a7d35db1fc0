package openai_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/openai"
	"infernet.tech/infernet/node/openai/openaitest"
)

// jobNode runs jobs of the batch engine's kind: it reads what was added as
// input and answers each line with its last message.
type jobNode struct {
	api.Jobs
	dir string

	mu      sync.Mutex
	input   []byte
	specs   []map[string]any
	state   string // of a job when it is asked for; "" done
	code    api.Code
	refuse  error // of Submit
	stopped int
	padding int // bytes at the end of a result
	jobs    []api.Job
}

// intake is where its input is added.
type intake struct {
	api.Library
	n *jobNode
}

func (i intake) Add(_ context.Context, _ api.ContentKind, req api.AddRequest) (api.Content, error) {
	raw, err := os.ReadFile(req.Path)
	i.n.mu.Lock()
	defer i.n.mu.Unlock()
	i.n.input = raw
	return api.Content{CID: "bafkinput"}, err
}

func (n *jobNode) Submit(_ context.Context, req api.SubmitRequest) (api.Job, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.refuse != nil {
		return api.Job{}, n.refuse
	}
	// What the node itself would say to the description.
	if _, err := job.ParseSpec([]byte(req.Spec), "x"); err != nil {
		return api.Job{}, err
	}
	var spec map[string]any
	if err := json.Unmarshal([]byte(req.Spec), &spec); err != nil {
		return api.Job{}, err
	}
	n.specs = append(n.specs, spec)
	j := api.Job{ID: fmt.Sprint("job", len(n.specs)), Name: spec["name"].(string), State: "matching", Label: "claimed"}
	n.jobs = append(n.jobs, j)
	return j, nil
}

func (n *jobNode) List(context.Context) ([]api.Job, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]api.Job(nil), n.jobs...), nil
}

func (n *jobNode) Cancel(_ context.Context, id, _ string) (api.Job, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped++
	return api.Job{ID: id}, nil
}

func (n *jobNode) Get(_ context.Context, id string) (api.Job, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	j := api.Job{ID: id, State: n.state, Code: n.code, Reason: "as the test says", Label: "claimed"}
	if n.state != "" {
		return j, nil
	}
	path := filepath.Join(n.dir, id+".jsonl")
	j.State, j.Result = api.JobDone, api.JobResult{Path: path}
	return j, os.WriteFile(path, n.answers(), 0o600)
}

func (n *jobNode) answers() []byte {
	var out strings.Builder
	sc := bufio.NewScanner(strings.NewReader(string(n.input)))
	for sc.Scan() {
		var l struct {
			ID        int
			MaxTokens int `json:"max_tokens"`
			Messages  []struct{ Role, Content string }
		}
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			panic(err)
		}
		said := l.Messages[len(l.Messages)-1].Content
		if said == "too long" {
			fmt.Fprintf(&out, `{"id":%d,"error":"the prompt has more tokens than the context"}`+"\n", l.ID)
			continue
		}
		fmt.Fprintf(&out, `{"id":%d,"answer":%q,"tokens":2,"truncated":%v}`+"\n", l.ID, "job: "+said, l.MaxTokens == 1)
	}
	return []byte(out.String() + strings.Repeat(" ", n.padding))
}

// TestBatchJobTooLarge: a result is a stranger's and is held in memory.
func TestBatchJobTooLarge(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *openai.Config, d *openai.Deps) {
		withJobs(&jobNode{padding: 20_000})(c, d)
		c.MaxFile = 4096
	})
	b := s.end(t, s.begin(t, s.upload(t, batchLine("a", openaitest.Echo, "one", "")), nil))
	if b.Status != "failed" || !strings.Contains(b.RawJSON(), "at most 16384 bytes") {
		t.Errorf("%s", b.RawJSON())
	}
}

func withJobs(n *jobNode) func(*openai.Config, *openai.Deps) {
	return func(c *openai.Config, d *openai.Deps) {
		n.dir = c.Dir
		d.Jobs, d.Content = n, intake{n: n}
		c.Patience = 1 << 40
	}
}

func TestBatchAsJob(t *testing.T) {
	t.Parallel()
	n := &jobNode{}
	s := serve(t, withJobs(n))
	in := batchLine("a", openaitest.Echo, "one", "") + "\n" + batchLine("b", openaitest.Echo, "two", `,"temperature":0,"seed":4,"max_tokens":1,"store":false`) +
		batchLine("c", openaitest.Echo, "too long", "")
	b := s.end(t, s.begin(t, s.upload(t, in), nil))
	if b.Status != "completed" || b.RequestCounts.Completed != 2 || b.RequestCounts.Failed != 1 || !strings.Contains(b.RawJSON(), `"path":"job","job":"job1","label":"claimed"`) {
		t.Fatalf("%s", b.RawJSON())
	}
	good, bad := s.lines(t, b.OutputFileID), s.lines(t, b.ErrorFileID)
	if good["a"].text(t) != "job: one" || good["b"].text(t) != "job: two" || !strings.Contains(string(good["b"].Response.Body), `"finish_reason":"length"`) {
		t.Errorf("%v", good)
	}
	if bad["c"].Response.StatusCode != 400 || !strings.Contains(string(bad["c"].Response.Body), "context") {
		t.Errorf("%v", bad)
	}
	if len(s.engine.Asked()) != 0 || n.specs[0]["model"] != openaitest.Echo {
		t.Errorf("%d requests; spec %v", len(s.engine.Asked()), n.specs[0])
	}
}

func TestBatchNotAsJob(t *testing.T) {
	t.Parallel()
	plain := batchLine("a", openaitest.Echo, "one", "")
	for name, tc := range map[string]struct {
		in, note string
		meta     map[string]string
		node     *jobNode
	}{
		"temperature":  {in: batchLine("a", openaitest.Echo, "one", `,"temperature":0.7`), note: "temperature"},
		"two models":   {in: plain + batchLine("b", "org/"+openaitest.Echo, "x", ""), note: "another model"},
		"a tool":       {in: batchLine("a", openaitest.Echo, "one", `,"tools":[{"type":"function","function":{"name":"f"}}]`), note: "tools"},
		"unknown":      {in: batchLine("a", openaitest.Echo, "one", `,"top_k":4`), note: "top_k"},
		"owner's wish": {in: plain, meta: map[string]string{"infernet_path": "requests"}},
		"no provider":  {in: plain, note: "as the test says", node: &jobNode{state: api.JobFailed, code: api.CodeNoProvider}},
		"no such image": {in: plain, note: "no image", node: &jobNode{
			refuse: api.Errorf(api.CodeInvalidSpec, "", "no image")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.node == nil {
				tc.node = &jobNode{}
			}
			s := serve(t, withJobs(tc.node))
			b := s.end(t, s.begin(t, s.upload(t, tc.in), tc.meta))
			if b.Status != "completed" || b.RequestCounts.Completed == 0 || !strings.Contains(b.RawJSON(), `"path":"requests"`) || !strings.Contains(b.RawJSON(), tc.note) {
				t.Errorf("%s", b.RawJSON())
			}
			if len(s.engine.Asked()) == 0 {
				t.Error("nothing was asked")
			}
		})
	}
}

func TestBatchJobForcedOrFailed(t *testing.T) {
	t.Parallel()
	n := &jobNode{}
	s := serve(t, withJobs(n))
	force := map[string]string{"infernet_path": "job"}
	b := s.end(t, s.begin(t, s.upload(t, batchLine("a", openaitest.Echo, "one", `,"stop":"x"`)), force))
	if b.Status != "failed" || !strings.Contains(b.Errors.Data[0].Message, "line 1: it sets stop") {
		t.Errorf("%s", b.RawJSON())
	}
	n.mu.Lock()
	n.state, n.code = api.JobFailed, api.CodeTimeout
	n.mu.Unlock()
	b = s.end(t, s.begin(t, s.upload(t, batchLine("a", openaitest.Echo, "one", "")), nil))
	if b.Status != "failed" || !strings.Contains(b.Errors.Data[0].Message, "as the test says") {
		t.Errorf("%s", b.RawJSON())
	}
}

// TestBatchJobSurvivesRestart: the job goes on without the node's face, and
// is not submitted again; cancelling the batch cancels it.
func TestBatchJobSurvivesRestart(t *testing.T) {
	t.Parallel()
	n := &jobNode{state: "running"}
	s := prepare(t, withJobs(n))
	stop := s.start(t)
	id := s.begin(t, s.upload(t, batchLine("a", openaitest.Echo, "one", "")), nil)
	other := s.begin(t, s.upload(t, batchLine("b", openaitest.Echo, "two", "")), nil)
	c := s.client()
	for _, id := range []string{id, other} {
		eventually(t, "the job is known", func() bool {
			b, err := c.Batches.Get(t.Context(), id)
			return err == nil && strings.Contains(b.RawJSON(), `"job":"job`)
		})
	}
	stop()
	if n.stopped != 0 {
		t.Error("a stopping node cancelled its jobs")
	}
	t.Cleanup(s.start(t))
	c = s.client()
	if _, err := c.Batches.Cancel(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if b := s.end(t, other); b.Status != "cancelled" {
		t.Errorf("%s", b.RawJSON())
	}
	n.mu.Lock()
	n.state = ""
	n.mu.Unlock()
	if b := s.end(t, id); b.Status != "completed" {
		t.Errorf("%s", b.RawJSON())
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.specs) != 2 || n.stopped != 1 {
		t.Errorf("%d jobs, %d cancelled", len(n.specs), n.stopped)
	}
}
