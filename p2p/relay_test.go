package p2p

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"
)

// A host that cannot be dialled is reached through a relay, with more data than
// libp2p's own limits would let through. AutoRelay announces public addresses
// of relays only, so the network is a simulated one.
func TestRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := &simnet.Simnet{LatencyFunc: simnet.StaticLatency(10 * time.Millisecond)}
		sim.Start()
		next := 0
		node := func(change func(*Config), opts ...libp2p.Option) (*Host, func()) {
			cfg := loopback()
			cfg.Listen = []string{fmt.Sprintf("/ip4/%s/udp/8000/quic-v1", simnet.IntToPublicIPv4(next))}
			next++
			// AutoNAT dials back from sockets of its own, which are real.
			cfg.NAT = false
			change(&cfg)
			link := simnet.LinkSettings{BitsPerSecond: 100 * simlibp2p.OneMbps}
			opts = append(opts, libp2p.DisableIdentifyAddressDiscovery(),
				simlibp2p.QUICSimnet(sim, simnet.NodeBiDiLinkSettings{Downlink: link, Uplink: link}))
			h, err := New(cfg, newKey(t), nil, nil, opts...)
			if err != nil {
				t.Fatal(err)
			}
			return h, runHost(t, h)
		}
		relay, stopRelay := node(func(c *Config) { c.RelayService = true })
		hidden, stopHidden := node(func(c *Config) {
			c.NAT = true
			c.Relays, c.Bootstrap = relay.Addrs(), relay.Addrs()
		}, libp2p.ForceReachabilityPrivate())
		hidden.Handle(ProtoBlob, StreamLimits{}, func(_ context.Context, s *Stream) { _, _ = io.Copy(s, s) })
		<-time.After(time.Minute)
		at := slices.IndexFunc(hidden.Addrs(), func(a string) bool { return strings.Contains(a, "/p2p-circuit") })
		if at < 0 {
			t.Fatalf("no address through the relay: %v", hidden.Addrs())
		}
		client, stopClient := node(func(*Config) {})
		echoThrough(t, client, hidden, hidden.Addrs()[at])
		stopClient()
		stopHidden()
		stopRelay()
		sim.Close()
		synctest.Wait()
	})
}

func echoThrough(t *testing.T, client, to *Host, addr string) {
	t.Helper()
	if err := client.Connect(t.Context(), addr); err != nil {
		t.Fatal(err)
	}
	s, err := client.Open(t.Context(), to.ID(), ProtoBlob)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Relayed() {
		t.Error("the connection is not relayed")
	}
	want := make([]byte, 1<<20)
	rand.Read(want)
	go func() { _, _ = s.Write(want); _ = s.CloseWrite() }()
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d of %d bytes: %v", len(got), len(want), err)
	}
}

// Run ends in order while streams are open and handlers block.
func TestStopWithOpenStreams(t *testing.T) {
	t.Parallel()
	a := run(t, loopback(), nil)
	b, err := New(loopback(), newKey(t), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := runHost(t, b)
	entered, left := make(chan struct{}), make(chan error, 1)
	b.Handle(ProtoJob, StreamLimits{}, func(ctx context.Context, s *Stream) {
		close(entered)
		_, err := io.Copy(io.Discard, s)
		left <- errors.Join(err, ctx.Err())
	})
	connect(t, a, b)
	s, err := a.Open(t.Context(), b.ID(), ProtoJob)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	<-entered
	stop()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler left with %v", err)
	}
	if _, err := s.ReadByte(); err == nil {
		t.Error("the stream outlives its host")
	}
	if _, err := b.Open(t.Context(), a.ID(), ProtoJob); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Open on a stopped host: %v", err)
	}
}
