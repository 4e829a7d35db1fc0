package devnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"infernet.tech/infernet/node/api"
)

// FileName is the file in the network's folder that describes it.
const FileName = "devnet.json"

// Node is one process of the network.
type Node struct {
	Name  string   `json:"name"`
	Roles []string `json:"roles"`
	NPub  string   `json:"npub"`
	Home  string   `json:"home"`
	API   string   `json:"api"` // host:port
	PID   int      `json:"pid"`
}

// Client returns a client for the node's local API. It does not connect.
func (n Node) Client() (*api.Client, error) { return api.Dial(n.Home) }

// Network is what FileName holds.
type Network struct {
	Nodes []Node `json:"nodes"`

	dir      string
	lifeline *os.File // closing it ends the nodes; nil when detached
}

// Node finds a node by its name.
func (n *Network) Node(name string) (Node, bool) {
	for _, x := range n.Nodes {
		if x.Name == name {
			return x, true
		}
	}
	return Node{}, false
}

// findTime is how long the client may take to find all providers.
const findTime = DefaultTimeout

// AwaitProviders waits until the client finds so many providers: nodes that
// are ready still have to hear of each other. Error: ErrNode.
func (n *Network) AwaitProviders(ctx context.Context, want int) error {
	node, ok := n.Node("client")
	if !ok {
		return fmt.Errorf("%w: there is no client", ErrNode)
	}
	client, err := node.Client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, findTime, fmt.Errorf("%w: the client does not find all %d providers", ErrNode, want))
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := client.Providers(ctx, api.ProviderQuery{Max: want + most}) // nodes of an earlier network may be remembered
		if err == nil && len(list.Providers) >= want {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// Close ends the network and removes what it left, as Down does.
func (n *Network) Close(ctx context.Context) error {
	err := Down(ctx, n.dir)
	if n.lifeline != nil {
		_ = n.lifeline.Close()
	}
	return err
}

// Open reads the network of a folder, running or not. Error: ErrNone.
func Open(dir string) (*Network, error) {
	raw, err := os.ReadFile(filepath.Join(dir, FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNone, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("devnet: %w", err)
	}
	n := &Network{}
	if err := json.Unmarshal(raw, n); err != nil {
		return nil, fmt.Errorf("devnet: %s: %w", filepath.Join(dir, FileName), err)
	}
	n.dir, err = filepath.Abs(dir)
	return n, err
}

// save replaces FileName in one step.
func (n *Network) save() error {
	raw, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(n.dir, FileName+".*")
	if err != nil {
		return fmt.Errorf("devnet: %w", err)
	}
	_, werr := tmp.Write(append(raw, '\n'))
	err = errors.Join(werr, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(n.dir, FileName))
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("devnet: %w", err)
	}
	return nil
}

// NodeStatus is how a node of the network is now.
type NodeStatus struct {
	Node
	Running bool `json:"running"` // its process lives
	Ready   bool `json:"ready"`   // and it does what its roles need
	Peers   int  `json:"peers"`
}

// Status looks at every node of a folder's network. Error: ErrNone.
func Status(ctx context.Context, dir string) ([]NodeStatus, error) {
	n, err := Open(dir)
	if err != nil {
		return nil, err
	}
	records, err := readRecords(n.dir)
	if err != nil {
		return nil, err
	}
	alive := map[int]bool{}
	for _, r := range records {
		alive[r.PID] = alive[r.PID] || r.alive()
	}
	out := make([]NodeStatus, len(n.Nodes))
	for i, node := range n.Nodes {
		out[i] = NodeStatus{Node: node, Running: alive[node.PID]}
		if !out[i].Running {
			continue
		}
		if st, err := ask(ctx, node.Home); err == nil {
			out[i].Ready, out[i].Peers = st.Ready, st.Peers
		}
	}
	return out, nil
}
