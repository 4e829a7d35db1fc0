package nodetest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest"
	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/identity"
)

// Cluster is a network of nodes.
type Cluster struct {
	t     testing.TB
	dir   string
	seed  string // full address of the first node
	Nodes map[string]*Member
}

// Member is one node of a cluster; it can be stopped and started again.
type Member struct {
	c      *Cluster
	Name   string
	Config node.Config
	Runner *exectest.Runner
	// Options of each start, after the runner's.
	Options []node.Option

	addr   string
	node   *node.Node
	cancel context.CancelFunc
	done   chan error
}

// New starts a relay, which is the first peer of all others.
func New(t testing.TB) *Cluster {
	c := &Cluster{t: t, dir: t.TempDir(), Nodes: map[string]*Member{}}
	relay := c.Add("relay", node.RoleRelay)
	c.seed = relay.Addr()
	return c
}

const (
	devnet   = "devnet-test"
	version  = "test"
	loopback = "/ip4/127.0.0.1/udp/0/quic-v1"
)

// Add makes a node and starts it.
func (c *Cluster) Add(name string, role node.Role, opts ...func(*Member)) *Member {
	c.t.Helper()
	m := c.member(name, role, opts...)
	c.Nodes[name] = m
	m.Start()
	c.t.Cleanup(m.Stop)
	return m
}

// Fails makes a node, starts it, and returns the error with which it ends.
func (c *Cluster) Fails(name string, role node.Role, opts ...func(*Member)) error {
	c.t.Helper()
	m := c.member(name, role, opts...)
	err := m.start()
	if err == nil {
		m.Stop()
		c.t.Fatalf("%s runs", name)
	}
	return err
}

// member makes a node with a key.
func (c *Cluster) member(name string, role node.Role, opts ...func(*Member)) *Member {
	c.t.Helper()
	cfg := node.DefaultConfig(filepath.Join(c.dir, name))
	cfg.Network, cfg.Roles, cfg.MDNS, cfg.Version = devnet, []node.Role{role}, false, version
	cfg.Listen, cfg.API = []string{loopback}, Loopback()+":0"
	cfg.Provider.Slots = 4
	if c.seed != "" {
		cfg.Bootstrap = []string{c.seed}
	}
	m := &Member{c: c, Name: name, Config: cfg, Runner: &exectest.Runner{Program: Upper}}
	for _, o := range opts {
		o(m)
	}
	if err := os.MkdirAll(cfg.Home, 0o700); err != nil {
		c.t.Fatal(err)
	}
	key, err := identity.Generate()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := identity.Save(node.KeyPath(cfg.Home), key, nil); err != nil {
		c.t.Fatal(err)
	}
	return m
}

// Start starts a node that is stopped, and waits until it is ready.
func (m *Member) Start() {
	m.c.t.Helper()
	if err := m.start(); err != nil {
		m.c.t.Fatalf("%s: %v", m.Name, err)
	}
}

// start is Start for a node that may end with an error instead, which is
// returned. While a member was stopped the system may have given its port to
// somebody else, whose end it waits for.
func (m *Member) start() (err error) {
	m.c.t.Helper()
	if !wait(Patience, func() bool {
		err = m.try()
		return err == nil || !strings.Contains(err.Error(), "address already in use")
	}) {
		m.c.t.Errorf("%s: its port was not given back", m.Name)
	}
	return err
}

// try is start once.
func (m *Member) try() error {
	m.c.t.Helper()
	// The log goes to the test's only on demand: it is long.
	var out io.Writer = io.Discard
	if os.Getenv("INFERNET_TEST_LOG") != "" {
		out = os.Stderr
	}
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", m.Name)
	n, err := node.New(m.Config, log, append([]node.Option{node.WithRunner(m.Runner)}, m.Options...)...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.node, m.cancel, m.done = n, cancel, make(chan error, 1)
	go func() { m.done <- n.Run(ctx) }()
	select {
	case <-n.Ready():
	case err := <-m.done:
		m.cancel()
		m.cancel = nil
		return err
	case <-time.After(Patience):
		m.c.t.Fatalf("%s: not ready in time", m.Name)
	}
	// Whoever knows where it is finds it there after a restart.
	m.addr = m.Status().Addrs[0]
	m.Config.Listen = []string{m.addr[:strings.Index(m.addr, "/p2p/")]}
	return nil
}

// T is the test that the member is of.
func (m *Member) T() testing.TB { return m.c.t }

// Addr is the node's full address; it stays the same over restarts.
func (m *Member) Addr() string { return m.addr }

// Key is the node's public key.
func (m *Member) Key() identity.PubKey { return m.node.Key() }

// Stop ends a node and waits for it. Stopping twice is no error.
func (m *Member) Stop() {
	if m.cancel == nil {
		return
	}
	m.cancel()
	m.cancel = nil
	if err := <-m.done; err != nil {
		m.c.t.Errorf("%s: %v", m.Name, err)
	}
}

// StopAnyway ends a node that may have failed already, and waits for it.
func (m *Member) StopAnyway() {
	if m.cancel == nil {
		return
	}
	m.cancel()
	m.cancel = nil
	<-m.done
}

// NPub is the node's name.
func (m *Member) NPub() string { return m.node.Key().String() }

// API is a client of the node's local API.
func (m *Member) API() *api.Client {
	m.c.t.Helper()
	c, err := api.Dial(m.Config.Home)
	if err != nil {
		m.c.t.Fatal(err)
	}
	return c
}

// Status asks the node how it is.
func (m *Member) Status() api.Status {
	m.c.t.Helper()
	s, err := m.API().Status(m.c.t.Context())
	if err != nil {
		m.c.t.Fatal(err)
	}
	return s
}

// Run submits a job and waits for its end.
func (m *Member) Run(spec, dir string) api.Job {
	m.c.t.Helper()
	j, err := m.API().Submit(m.c.t.Context(), api.SubmitRequest{Spec: spec, Dir: dir})
	if err != nil {
		m.c.t.Fatal(err)
	}
	return m.Wait(j.ID)
}

// Wait follows a job to its end.
func (m *Member) Wait(id string) api.Job {
	m.c.t.Helper()
	ctx, cancel := context.WithTimeout(m.c.t.Context(), Patience)
	defer cancel()
	var final api.Job
	err := m.API().Events(ctx, id, api.EventQuery{Follow: true}, func(e api.Event) error {
		if e.Job != nil {
			final = *e.Job
		}
		return nil
	})
	if err != nil {
		m.c.t.Fatalf("job %s: %v\n%s", id, err, m.History(id))
	}
	return final
}

// History is all that the node can tell of a job, for the reader of a failed
// test.
func (m *Member) History(id string) string {
	m.c.t.Helper()
	why, err := m.API().Explain(context.Background(), id)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, n := range why.History {
		fmt.Fprintln(&b, n.Text)
	}
	for _, d := range why.Dropped {
		fmt.Fprintln(&b, d.NPub, d.Reason)
	}
	return b.String() + why.Summary
}

// Image writes an OCI layout that the scripted runner takes for a program, and
// returns its path.
func Image(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "image")
	if _, err := image.WriteLayout(dir, image.Spec{
		Files:      map[string]image.File{"task": {Mode: 0o755, Data: []byte("#!")}},
		Entrypoint: []string{"/task"},
	}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Lines writes n lines to a file and returns its folder and name.
func Lines(t testing.TB, n int) (dir, name string) {
	t.Helper()
	dir, name = t.TempDir(), "in.txt"
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range n {
		if _, err := fmt.Fprintf(f, "line %d\n", i); err != nil {
			t.Fatal(err)
		}
	}
	return dir, name
}

// Upper is a task: it writes its input in capitals, and says so.
func Upper(ctx context.Context, t exec.Task, s exec.Streams) exec.Result {
	files, err := filepath.Glob(filepath.Join(t.In, "*"))
	if err != nil {
		return exec.Result{Reason: exec.ReasonInternal, Detail: err.Error()}
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return exec.Result{Reason: exec.ReasonInternal, Detail: err.Error()}
		}
		out := make([]byte, len(data))
		for i, b := range data {
			if b >= 'a' && b <= 'z' {
				b -= 'a' - 'A'
			}
			out[i] = b
		}
		if err := os.WriteFile(filepath.Join(t.Out, filepath.Base(f)), out, 0o644); err != nil {
			return exec.Result{Reason: exec.ReasonDisk, Detail: err.Error()}
		}
	}
	fmt.Fprintln(s.Stdout, "done")
	return exec.Result{Reason: exec.ReasonOK}
}
