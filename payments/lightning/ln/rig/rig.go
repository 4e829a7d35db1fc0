package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"infernet.tech/infernet/payments/lightning/ln"
)

// oldBlocks are mined before the first node starts: until segwit is on (simnet
// votes in windows of 100) and rewards can be spent (after 100 more).
const oldBlocks = 420

// confirmBlocks is after how many a channel is told to others.
const confirmBlocks = 6

// coins are how many a node is given: what is left of one that opened a channel
// waits for its block.
const coins = 8

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
	ports    *ports
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
	if r.ports, err = newPorts(); err != nil {
		return err
	}
	if r.Chain, err = newChain(r.programs.Btcd, filepath.Join(r.dir, "btcd"), r.ports); err != nil {
		return err
	}
	if err := r.Chain.serve(ctx); err != nil {
		return err
	}
	if err := r.Chain.generate(ctx, oldBlocks); err != nil {
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

// fund gives every node coins.
func (r *Rig) fund(ctx context.Context) error {
	var addresses []string
	for _, n := range r.Nodes {
		a, err := n.NewAddress(ctx)
		if err != nil {
			return err
		}
		addresses = append(addresses, slices.Repeat([]string{a}, coins)...)
	}
	if err := r.Chain.pay(ctx, 1, addresses...); err != nil {
		return err
	}
	if err := r.Mine(ctx, 1); err != nil {
		return err
	}
	return r.each(func(n *Node) error {
		return n.program.await(ctx, "coins at "+n.Name, func(ctx context.Context) error {
			b, err := n.Balance(ctx)
			if err == nil && b.OnChainSat == 0 {
				err = errors.New("there are none yet")
			}
			return err
		})
	})
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

// Wanted is a channel to be opened, with so much of it given to the other side.
type Wanted struct {
	From, To     *Node
	Sat, PushSat uint64
}

// Open is OpenAll for one channel.
func (r *Rig) Open(ctx context.Context, from, to *Node, sat, pushSat uint64) (ln.ChannelPoint, error) {
	points, err := r.OpenAll(ctx, Wanted{from, to, sat, pushSat})
	if err != nil {
		return ln.ChannelPoint{}, err
	}
	return points[0], nil
}

// OpenAll opens channels, mines once until all are confirmed and returns when
// both sides of each can use it and all others that have a channel themselves can
// pay over it.
func (r *Rig) OpenAll(ctx context.Context, all ...Wanted) (points []ln.ChannelPoint, err error) {
	for _, w := range all {
		point, err := w.fund(ctx)
		if err != nil {
			return nil, fmt.Errorf("rig: a channel from %s to %s: %w", w.From.Name, w.To.Name, err)
		}
		points = append(points, point)
	}
	if err := r.Mine(ctx, confirmBlocks); err != nil {
		return nil, err
	}
	for _, w := range all {
		if err := errors.Join(w.From.Active(ctx), w.To.Active(ctx)); err != nil {
			return nil, err
		}
	}
	return points, r.each(func(n *Node) error { return r.knows(ctx, n, points) })
}

// fund begins a channel. On a busy machine the two nodes lose their connection as
// soon as they have it; then nothing was begun, and it is tried again.
func (w Wanted) fund(ctx context.Context) (point ln.ChannelPoint, err error) {
	info, err := w.To.Info(ctx)
	if err != nil {
		return point, err
	}
	soon, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	lost := w.From.program.await(soon, "a connection to "+w.To.Name, func(ctx context.Context) error {
		point, err = w.From.Fund(ctx, ln.OpenSpec{Peer: info.PubKey, Address: w.To.peer, CapacitySat: w.Sat, PushSat: w.PushSat})
		if err != nil && strings.Contains(err.Error(), "is not online") {
			return err
		}
		return nil
	})
	return point, errors.Join(lost, err)
}

// knows waits until a node knows the terms of channels, unless it is down or has
// no channel itself: who has none is told nothing, and can pay nobody.
func (r *Rig) knows(ctx context.Context, n *Node, points []ln.ChannelPoint) error {
	if !n.program.up() {
		return nil
	}
	if have, err := n.Channels(ctx); err != nil || len(have) == 0 {
		return err
	}
	for _, point := range points {
		err := n.program.await(ctx, "news of the channel at "+n.Name, func(ctx context.Context) error {
			known, err := n.Announced(ctx, point)
			if err == nil && !known {
				err = errors.New("it does not know the terms of " + point.String())
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// KillChain ends btcd without warning; RestartChain brings it back.
func (r *Rig) KillChain() { r.Chain.kill() }

// RestartChain starts btcd again after KillChain and returns when all nodes that
// run are connected to it.
func (r *Rig) RestartChain(ctx context.Context) error {
	if err := r.Chain.serve(ctx); err != nil {
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
	if r.ports != nil {
		r.ports.close()
	}
}

// Remove ends all programs and removes what they wrote.
func (r *Rig) Remove() error {
	r.Close()
	return os.RemoveAll(r.dir)
}
