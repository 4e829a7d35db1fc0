package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	"infernet.tech/infernet/payments/lightning/ln"
)

// What the chain is given before the first channel: blocks until segwit is on
// (simnet's rules decide in windows of 100), and until coins can be spent.
const (
	segwitBlocks   = 300
	rewardBlocks   = 15 // for each node, by lot
	maturityBlocks = 100
	confirmBlocks  = 6 // after which channels are told to others
)

// Config says what to bring up.
type Config struct {
	Programs Programs
	Dir      string   // where all data goes; made where it is not there
	Nodes    []string // names of the lnd nodes, the first of which has one at least
}

// Rig is the running network. Its methods are for one caller at a time.
type Rig struct {
	Chain    *Chain
	Nodes    []*Node
	programs Programs
	dir      string
}

// Start brings up the chain and the nodes, each of which has coins to open
// channels with. After an error all is ended again.
func Start(ctx context.Context, cfg Config) (*Rig, error) {
	if len(cfg.Nodes) == 0 {
		return nil, errors.New("rig: no nodes")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	r := &Rig{programs: cfg.Programs, dir: dir}
	if err := r.up(ctx, cfg.Nodes); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Rig) up(ctx context.Context, names []string) (err error) {
	if r.Chain, err = newChain(r.programs.Btcd, filepath.Join(r.dir, "btcd")); err != nil {
		return err
	}
	first, err := nobody()
	if err != nil {
		return err
	}
	if err := r.Chain.serve(ctx, first); err != nil {
		return err
	}
	if err := r.Chain.generate(ctx, segwitBlocks); err != nil {
		return err
	}
	for _, name := range names {
		n, err := newNode(r, name)
		if err != nil {
			return err
		}
		r.Nodes = append(r.Nodes, n)
	}
	if err := r.each(func(n *Node) error { return n.Start(ctx) }); err != nil {
		return err
	}
	return r.fund(ctx)
}

// fund lets the next blocks pay the nodes. btcd takes addresses at its start
// only.
func (r *Rig) fund(ctx context.Context) error {
	var miners []string
	for _, n := range r.Nodes {
		a, err := n.NewAddress(ctx)
		if err != nil {
			return err
		}
		miners = append(miners, a)
	}
	r.Chain.stop()
	if err := r.Chain.serve(ctx, miners...); err != nil {
		return err
	}
	if err := r.Mine(ctx, rewardBlocks*len(r.Nodes)); err != nil {
		return err
	}
	for range 10 {
		if err := r.Mine(ctx, maturityBlocks); err != nil {
			return err
		}
		poor := false
		for _, n := range r.Nodes {
			b, err := n.Balance(ctx)
			if err != nil {
				return err
			}
			poor = poor || b.OnChainSat == 0
		}
		if !poor {
			return nil
		}
	}
	return errors.New("rig: a node was given no coins")
}

// each runs f for all nodes at once.
func (r *Rig) each(f func(*Node) error) error {
	var g errgroup.Group
	for _, n := range r.Nodes {
		g.Go(func() error { return f(n) })
	}
	return g.Wait()
}

// Node is the node of that name.
func (r *Rig) Node(name string) *Node {
	for _, n := range r.Nodes {
		if n.Name == name {
			return n
		}
	}
	panic("rig: no node " + name)
}

// Mine adds blocks and returns when all nodes that run have seen them.
func (r *Rig) Mine(ctx context.Context, blocks int) error {
	if err := r.Chain.generate(ctx, blocks); err != nil {
		return err
	}
	return r.each(func(n *Node) error {
		if !n.program.up() {
			return nil
		}
		return n.program.await(ctx, "blocks at "+n.Name, n.caughtUp)
	})
}

// Open opens a channel from one node to another, mines until it is confirmed and
// returns when both can use it.
func (r *Rig) Open(ctx context.Context, from, to *Node, sat, pushSat uint64) (ln.ChannelPoint, error) {
	info, err := to.Info(ctx)
	if err != nil {
		return ln.ChannelPoint{}, err
	}
	point, err := from.OpenChannel(ctx, ln.OpenSpec{Peer: info.PubKey, Address: to.peer, CapacitySat: sat, PushSat: pushSat})
	if err != nil {
		return ln.ChannelPoint{}, fmt.Errorf("rig: a channel from %s to %s: %w", from.Name, to.Name, err)
	}
	if err := r.Mine(ctx, confirmBlocks); err != nil {
		return ln.ChannelPoint{}, err
	}
	if err := from.Active(ctx); err != nil {
		return ln.ChannelPoint{}, err
	}
	return point, to.Active(ctx)
}

// KillChain ends btcd without warning; RestartChain brings it back.
func (r *Rig) KillChain() { r.Chain.kill() }

// RestartChain starts btcd again after KillChain and returns when all nodes that
// run are connected to it.
func (r *Rig) RestartChain(ctx context.Context) error {
	if err := r.Chain.again(ctx); err != nil {
		return err
	}
	return r.Mine(ctx, 1)
}

// Close ends all programs. What they wrote stays in the folder, which the caller
// removes.
func (r *Rig) Close() {
	for _, n := range r.Nodes {
		n.program.kill()
		if n.Node != nil {
			n.Node.Close()
		}
	}
	if r.Chain != nil {
		r.Chain.kill()
	}
}

// Remove ends all programs and removes what they wrote.
func (r *Rig) Remove() error {
	r.Close()
	return os.RemoveAll(r.dir)
}
