package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lnd"
)

// Node is one lnd. Its driver is the embedded one, with all rights; it stays the
// same over restarts and reconnects by itself.
type Node struct {
	*lnd.Node
	Name    string
	rig     *Rig
	program program
	rpc     string // host:port for gRPC
	peer    string // host:port for other nodes
}

func newNode(r *Rig, name string) (*Node, error) {
	dir := filepath.Join(r.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	at, err := r.ports.addresses(2)
	if err != nil {
		return nil, err
	}
	n := &Node{Name: name, rig: r, rpc: at[0], peer: at[1]}
	n.program = program{name: "lnd", path: r.programs.Lnd, dir: dir, args: []string{
		"--lnddir=" + dir, "--alias=" + name, "--noseedbackup", "--norest", "--nobootstrap",
		"--rpclisten=" + n.rpc, "--listen=" + n.peer, "--externalip=" + n.peer,
		"--bitcoin.simnet", "--bitcoin.node=btcd", "--bitcoin.defaultchanconfs=1",
		"--btcd.rpchost=" + r.Chain.rpc, "--btcd.rpcuser=" + user, "--btcd.rpcpass=" + r.Chain.pass, "--btcd.rpccert=" + r.Chain.certPath(),
		"--debuglevel=info", "--trickledelay=50", "--gossip.sub-batch-delay=5ms", "--maxpendingchannels=10",
		"--minbackoff=500ms", "--maxbackoff=2s", "--historicalsyncinterval=1s",
		fmt.Sprintf("--invoices.holdexpirydelta=%d", ln.SafetyBlocks),
	}}
	return n, nil
}

// Config is how to reach the node with all rights.
func (n *Node) Config() (lnd.Config, error) { return lnd.Load(n.rpc, n.CertFile(), n.MacaroonFile()) }

// Address is where the node serves gRPC.
func (n *Node) Address() string { return n.rpc }

// PeerAddress is where other nodes reach it.
func (n *Node) PeerAddress() string { return n.peer }

// CertFile is the node's certificate.
func (n *Node) CertFile() string { return filepath.Join(n.program.dir, "tls.cert") }

// MacaroonFile is that of all rights.
func (n *Node) MacaroonFile() string {
	return filepath.Join(n.program.dir, "data", "chain", "bitcoin", "simnet", "admin.macaroon")
}

// Kill ends the node without warning, as kill -9 does.
func (n *Node) Kill() { n.program.kill() }

// Start brings the node up, again or at first, and returns when it serves and has
// all blocks.
func (n *Node) Start(ctx context.Context) error { return n.StartWith(ctx) }

// StartWith is Start with more arguments for lnd, this time.
func (n *Node) StartWith(ctx context.Context, args ...string) error {
	if err := n.program.start(args...); err != nil {
		return err
	}
	return n.program.await(ctx, "lnd "+n.Name, func(ctx context.Context) error {
		if n.Node == nil {
			cfg, err := n.Config()
			if err != nil {
				return err // not written yet
			}
			if n.Node, err = lnd.New(cfg); err != nil {
				return err
			}
		}
		return n.caughtUp(ctx)
	})
}

// caughtUp is nil once the node has the chain's last block.
func (n *Node) caughtUp(ctx context.Context) error {
	height, err := n.rig.Chain.Height(ctx)
	if err != nil {
		return err
	}
	info, err := n.Info(ctx)
	if err == nil && (info.Height < height || !info.Synced) {
		err = fmt.Errorf("it is at block %d of %d, synced %v", info.Height, height, info.Synced)
	}
	return err
}

// Active returns when all channels of the node are open and can be used.
func (n *Node) Active(ctx context.Context) error {
	return n.program.await(ctx, "channels of "+n.Name, func(ctx context.Context) error {
		channels, err := n.Channels(ctx)
		if err != nil {
			return err
		}
		for _, c := range channels {
			if c.State != ln.ChannelOpen || !c.Active {
				return fmt.Errorf("%s is %s, active %v", c.Point, c.State, c.Active)
			}
		}
		if len(channels) == 0 {
			return errors.New("it has none")
		}
		return nil
	})
}

// Fund is OpenChannel for a node that has just started: one that has all blocks
// may still say that it is not ready.
func (n *Node) Fund(ctx context.Context, spec ln.OpenSpec) (point ln.ChannelPoint, err error) {
	var refused error
	err = n.program.await(ctx, "lnd "+n.Name+" to open channels", func(ctx context.Context) error {
		point, refused = n.OpenChannel(ctx, spec)
		if errors.Is(refused, ln.ErrStarting) {
			return refused
		}
		return nil
	})
	if err == nil {
		err = refused
	}
	return point, err
}
