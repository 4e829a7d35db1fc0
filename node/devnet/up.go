package devnet

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
)

// Up starts a network and returns when every node is ready. What a killed
// network left in the folder is removed first; homes that are there are used
// again. A network that is not detached must be closed. When it fails, nothing
// runs. Errors: ErrRunning, ErrBusy, ErrNode.
func Up(ctx context.Context, cfg Config) (*Network, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	unlock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	records, err := readRecords(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if anyAlive(records) {
		return nil, fmt.Errorf("%w: %s", ErrRunning, cfg.Dir)
	}
	if err := clean(ctx, cfg.Dir); err != nil {
		return nil, err
	}
	s := &starter{cfg: cfg, net: &Network{dir: cfg.Dir}}
	if err := s.start(ctx); err != nil {
		// The caller's context may be what failed.
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return nil, errors.Join(err, clean(late, cfg.Dir), closed(s.net.lifeline))
	}
	return s.net, nil
}

func closed(f *os.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

// starter brings one network up.
type starter struct {
	cfg   Config
	net   *Network
	nodes *os.File // the nodes' end of the lifeline
}

func (s *starter) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, fmt.Errorf("%w: not ready after %s", ErrNode, s.cfg.Timeout))
	defer cancel()
	if !s.cfg.Detach {
		var err error
		if s.nodes, s.net.lifeline, err = newLifeline(); err != nil {
			return err
		}
		defer func() { _ = closed(s.nodes) }()
	}
	s.cfg.Report(fmt.Sprintf("starting network %s in %s", s.cfg.Network, s.cfg.Dir))
	first, addrs, err := s.node(ctx, relay(), nil)
	if err != nil {
		return err
	}
	judges, err := s.all(ctx, s.cfg.judges(), addrs)
	if err != nil {
		return err
	}
	var trusted []string
	for _, j := range judges {
		trusted = append(trusted, j.NPub)
	}
	nodes, err := s.all(ctx, s.cfg.members(trusted), addrs)
	if err != nil {
		return err
	}
	s.net.Nodes = slices.Concat([]Node{first}, judges, nodes)
	return s.net.save()
}

// all starts nodes at once and waits until each is ready.
func (s *starter) all(ctx context.Context, members []member, bootstrap []string) ([]Node, error) {
	nodes := make([]Node, len(members))
	g, ctx := errgroup.WithContext(ctx)
	for i, m := range members {
		g.Go(func() (err error) {
			nodes[i], _, err = s.node(ctx, m, bootstrap)
			return err
		})
	}
	return nodes, g.Wait()
}

// node starts one node and waits until it is ready. It returns the addresses
// at which others reach it.
func (s *starter) node(ctx context.Context, m member, bootstrap []string) (Node, []string, error) {
	home := filepath.Join(s.cfg.Dir, m.name)
	flags := []string{
		"--network", s.cfg.Network, "--role", strings.Join(m.roles, ","),
		"--listen", "/ip4/127.0.0.1/udp/0/quic-v1", "--listen", "/ip4/127.0.0.1/tcp/0",
		"--mdns=false", "--api", "127.0.0.1:0",
	}
	for _, a := range bootstrap {
		flags = append(flags, "--bootstrap", a)
	}
	flags = append(append(flags, m.flags...), s.cfg.NodeArgs...)
	if err := s.prepare(ctx, home, flags); err != nil {
		return Node{}, nil, fmt.Errorf("%w: %s: %w", ErrNode, m.name, err)
	}
	p, err := s.launch(m.name, home, flags)
	if err != nil {
		return Node{}, nil, fmt.Errorf("%w: %s: %w", ErrNode, m.name, err)
	}
	st, err := p.ready(ctx)
	if err != nil {
		return Node{}, nil, fmt.Errorf("%w: %s: %w", ErrNode, m.name, err)
	}
	f, err := apiFile(home)
	if err != nil {
		return Node{}, nil, err
	}
	s.cfg.Report(m.name + " is ready")
	return Node{Name: m.name, Roles: m.roles, NPub: st.NPub, Home: home, API: f, PID: p.pid}, st.Addrs, nil
}
