package p2p

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// wire carries datagrams of one client to an address until it is cut.
func wire(t *testing.T, to *net.UDPAddr) (at string, cut func()) {
	t.Helper()
	near, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	far, err := net.DialUDP("udp4", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	cut = func() { _, _ = near.Close(), far.Close() }
	t.Cleanup(cut)
	client := make(chan net.Addr, 1)
	go func() {
		for buf, told := make([]byte, 64<<10), false; ; {
			n, from, err := near.ReadFrom(buf)
			if err != nil {
				return
			}
			if !told {
				client <- from
				told = true
			}
			_, _ = far.Write(buf[:n])
		}
	}()
	go func() {
		buf := make([]byte, 64<<10)
		n, err := far.Read(buf)
		for from := net.Addr(nil); err == nil; n, err = far.Read(buf) {
			if from == nil {
				from = <-client
			}
			_, _ = near.WriteTo(buf[:n], from)
		}
	}()
	return near.LocalAddr().(*net.UDPAddr).AddrPort().String(), cut
}

func addrWith(t *testing.T, h *Host, part string) string {
	t.Helper()
	i := slices.IndexFunc(h.Addrs(), func(a string) bool { return strings.Contains(a, part) })
	if i < 0 {
		t.Fatalf("no %s among %v", part, h.Addrs())
	}
	return h.Addrs()[i]
}

// A peer that is slow for a while loses no connection.
func TestGone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, fresh string // a question each: answered, silent; the last one for ever
		want       bool
	}{
		"alive":                {"a", "a", false},
		"dead":                 {"s", "a", true},
		"slow":                 {"ssssa", "ssssa", false},
		"slow until just then": {"sa", "a", false},
		"slow, then dead":      {"s", "sssa", true},
		"both dead":            {"s", "s", false},
	} {
		ask := func(says string) func() error {
			return func() error {
				answered := says[0] == 'a'
				if len(says) > 1 {
					says = says[1:]
				}
				if answered {
					return nil
				}
				return context.DeadlineExceeded
			}
		}
		if got := gone(ask(c.old), ask(c.fresh)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A connection whose other end is gone without a word gives way to a new one:
// long before it would end by itself, streams open on what works.
func TestStaleConnection(t *testing.T) {
	t.Parallel()
	a, b := run(t, loopback(), nil), run(t, loopback(), nil)
	b.Handle(ProtoJob, StreamLimits{}, func(_ context.Context, s *Stream) { _, _ = io.Copy(s, s) })
	bare, id, _ := strings.Cut(addrWith(t, b, "quic"), "/p2p/")
	to, err := manet.ToNetAddr(ma.StringCast(strings.TrimSuffix(bare, "/quic-v1")))
	if err != nil {
		t.Fatal(err)
	}
	at, cut := wire(t, to.(*net.UDPAddr))
	host, port, _ := net.SplitHostPort(at)
	if err := a.Connect(t.Context(), "/ip4/"+host+"/udp/"+port+"/quic-v1/p2p/"+id); err != nil {
		t.Fatal(err)
	}
	cut()
	// As a node that was started again does, the other one dials.
	fresh, err := New(loopback(), b.key, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	fresh.Handle(ProtoJob, StreamLimits{}, func(_ context.Context, s *Stream) { _, _ = io.Copy(s, s) })
	runHost(t, fresh)
	if err := fresh.Connect(t.Context(), addrWith(t, a, "tcp")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one connection", func() bool {
		ps := a.Peers()
		return len(ps) == 1 && len(ps[0].Addrs) == 1 && strings.Contains(ps[0].Addrs[0], "tcp")
	})
	s, err := a.Open(t.Context(), b.ID(), ProtoJob)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	_ = s.CloseWrite()
	if got, err := io.ReadAll(s); err != nil || string(got) != "hello\n" {
		t.Fatalf("read %q, %v", got, err)
	}
}
