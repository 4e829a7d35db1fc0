package content_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/devnet"
	"infernet.tech/infernet/node/devnet/devnettest"
)

// noise makes a file of bytes that repeat nowhere.
func noise(t *testing.T, seed byte, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "noise")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{seed}), size); err != nil {
		t.Fatal(err)
	}
	return path
}

func sum(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// crowd remembers from whom bytes came.
type crowd struct {
	mu    sync.Mutex
	bytes map[string]uint64
	most  int
}

func (c *crowd) see(p api.AddProgress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes == nil {
		c.bytes = map[string]uint64{}
	}
	for _, s := range p.Sources {
		c.bytes[s.Name] = max(c.bytes[s.Name], s.Bytes)
	}
	c.most = max(c.most, p.Active())
}

// givers counts the sources that gave something.
func (c *crowd) givers() (n int) {
	for _, b := range c.bytes {
		if b > 0 {
			n++
		}
	}
	return n
}

func get(t *testing.T, c *api.Client, cid string, see func(api.AddProgress)) string {
	t.Helper()
	dest := filepath.Join(t.TempDir(), "got")
	if _, err := c.Get(t.Context(), api.Data, api.GetRequest{Ref: cid, Dest: dest, Progress: see}); err != nil {
		t.Fatal(err)
	}
	return dest
}

// What is shared at one node comes to another that is told its CID and nothing
// else, and to a third from both at once.
func TestE2ESharedContentTravels(t *testing.T) {
	t.Parallel()
	// One alone takes long enough for the other to be found.
	net := devnettest.Up(t, devnet.Config{Providers: 2, ProviderArgs: []string{"--upload-rate", "8MiB"}})
	const size = 80 << 20
	path := noise(t, 1, size)
	a, b, c := devnettest.Client(t, net, "provider1"), devnettest.Client(t, net, "provider2"), devnettest.Client(t, net, "client")
	x, err := a.Add(t.Context(), api.Data, api.AddRequest{Path: path, Share: true})
	if err != nil {
		t.Fatal(err)
	}
	var first, second crowd
	if got := get(t, b, x.CID, first.see); sum(t, got) != sum(t, path) {
		t.Error("other bytes came")
	}
	if got := get(t, c, x.CID, second.see); sum(t, got) != sum(t, path) {
		t.Error("other bytes came")
	}
	if first.givers() != 1 || second.givers() != 2 {
		t.Errorf("%d sources gave at first, then %d: %v, %v", first.givers(), second.givers(), first.bytes, second.bytes)
	}
	devnettest.Await(t, "the first tells of both and of all that it gave", func() bool {
		report, err := a.Traffic(t.Context())
		return err == nil && len(report.Peers) == 2 && max(report.Peers[0].Served, report.Peers[1].Served) >= size
	})
}

// What is not shared is not given, and nobody says that it is there.
func TestE2EPrivateContentStays(t *testing.T) {
	t.Parallel()
	net := devnettest.Up(t, devnet.Config{Providers: 1})
	a, c := devnettest.Client(t, net, "provider1"), devnettest.Client(t, net, "client")
	x, err := a.Add(t.Context(), api.Data, api.AddRequest{Path: noise(t, 2, 3<<20)})
	if err != nil {
		t.Fatal(err)
	}
	node, _ := net.Node("provider1")
	_, err = c.Get(t.Context(), api.Data, api.GetRequest{Ref: x.CID, From: []string{node.NPub}})
	var e *api.Error
	if !errors.As(err, &e) || e.Code != api.CodeRefused {
		t.Errorf("private content: %v", err)
	}
	if x, err = a.Share(t.Context(), api.Data, x.CID, true); err != nil || !x.Shared {
		t.Fatal(x, err)
	}
	if _, err := c.Get(t.Context(), api.Data, api.GetRequest{Ref: x.CID, From: []string{node.NPub}}); err != nil {
		t.Errorf("shared content: %v", err)
	}
}

// A transfer outlives kill -9 of its source and of the node that fetches, and
// fetches no more than what was not on the disk yet.
func TestE2EKilledInTransfer(t *testing.T) {
	t.Parallel()
	net := devnettest.Up(t, devnet.Config{Providers: 1, ProviderArgs: []string{"--upload-rate", "8MiB"}})
	path := noise(t, 3, 96<<20)
	x, err := devnettest.Client(t, net, "provider1").Add(t.Context(), api.Data, api.AddRequest{Path: path, Share: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, victim := range []string{"provider1", "client"} {
		kill := sync.OnceValue(func() func() { return devnettest.Kill(t, net, victim) })
		started := uint64(0)
		_, err := devnettest.Client(t, net, "client").Get(t.Context(), api.Data, api.GetRequest{Ref: x.CID, Progress: func(p api.AddProgress) {
			if started == 0 && p.Bytes > 0 {
				started = p.Bytes
			}
			if p.Bytes > started+16<<20 {
				kill()
			}
		}})
		if err == nil && victim == "client" {
			t.Fatal("the answer of a killed node came")
		}
		kill()()
	}
	var seen crowd
	if got := get(t, devnettest.Client(t, net, "client"), x.CID, seen.see); sum(t, got) != sum(t, path) {
		t.Error("other bytes came")
	}
	for _, b := range seen.bytes {
		if b > 80<<20 {
			t.Errorf("%d bytes came after a third was here", b)
		}
	}
}

// Content that has a price is not fetched by who pays nothing, and is paid to
// the unit by who does.
func TestE2EPricedContent(t *testing.T) {
	t.Parallel()
	net := devnettest.Up(t, devnet.Config{Providers: 1, ProviderArgs: []string{"--content-price", "1024"}})
	a, c := devnettest.Client(t, net, "provider1"), devnettest.Client(t, net, "client")
	x, err := a.Add(t.Context(), api.Data, api.AddRequest{Path: noise(t, 4, 64<<20), Share: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Get(t.Context(), api.Data, api.GetRequest{Ref: x.CID})
	if err == nil || !strings.Contains(err.Error(), "1024 credits per GiB") {
		t.Errorf("a free fetch of what has a price: %v", err)
	}
	price := uint64(2000)
	if _, err := c.Get(t.Context(), api.Data, api.GetRequest{Ref: x.CID, MaxPrice: &price}); err != nil {
		t.Fatal(err)
	}
	devnettest.Await(t, "both sides say that 64 credits were paid", func() bool {
		there, err1 := a.Traffic(t.Context())
		here, err2 := c.Traffic(t.Context())
		if err1 != nil || err2 != nil || len(there.Peers) != 1 || len(here.Peers) != 1 {
			return false
		}
		paid, earned := here.Peers[0].Paid, there.Peers[0].Earned
		return paid == earned && paid.Amount >= 64 && paid.Amount <= 65
	})
}

// An image added at one node comes to another by its name and by its digest,
// and a program that knows only registries pulls it from there.
func TestE2EImageWithoutRegistry(t *testing.T) {
	t.Parallel()
	net := devnettest.Up(t, devnet.Config{Providers: 1})
	a, c := devnettest.Client(t, net, "client"), devnettest.Client(t, net, "provider1")
	layout := filepath.Join(t.TempDir(), "layout")
	if _, err := image.WriteLayout(layout, image.Spec{
		Files: map[string]image.File{"/hello": {Data: []byte("hello"), Mode: 0o755}}, Cmd: []string{"/hello"},
	}); err != nil {
		t.Fatal(err)
	}
	x, err := a.Add(t.Context(), api.Images, api.AddRequest{Path: layout, Name: "hello:v1"})
	if err != nil {
		t.Fatal(err)
	}
	node, _ := net.Node("client")
	got, err := c.Get(t.Context(), api.Images, api.GetRequest{Ref: node.NPub + "/hello:v1"})
	if err != nil || got.Digest != x.Digest || got.CID != x.CID {
		t.Fatalf("by name: %+v, %v", got, err)
	}
	m, err := c.Mirror(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"v1", x.Digest} {
		resp, err := http.Get("http://" + m.Addr + "/v2/" + node.NPub + "/hello/manifests/" + ref)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if d := sha256.Sum256(raw); err != nil || resp.StatusCode != http.StatusOK || "sha256:"+hex.EncodeToString(d[:]) != x.Digest {
			t.Errorf("%s: %s: %q, %v", ref, resp.Status, raw, err)
		}
	}
}
