package mirror_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/node/mirror"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

const someCID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"

// cids are CIDs to tell folders apart by; what they hold is the test's word.
var cids = []string{
	someCID,
	"bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354",
	"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
	"bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
	"bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
}

// world is a network with folders and what peers say of them.
type world struct {
	mu      sync.Mutex
	folders map[string]exec.Image // by CID
	own     map[string]mirror.Found
	said    map[string]mirror.Said // by owner and ref
	asked   []string
	fetched []string
	held    int
}

func newWorld() *world {
	return &world{folders: map[string]exec.Image{}, own: map[string]mirror.Found{}, said: map[string]mirror.Said{}}
}

func (w *world) deps() mirror.Deps {
	return mirror.Deps{
		Own: func(ref string) (mirror.Found, error) {
			if f, ok := w.own[ref]; ok {
				return f, nil
			}
			return mirror.Found{}, mirror.ErrUnknown
		},
		Public: func() (all []string, err error) {
			for n := range w.own {
				all = append(all, n)
			}
			return all, nil
		},
		Search: func(_ context.Context, owner identity.PubKey, ref string) (mirror.Said, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if !owner.IsZero() {
				ref = owner.Short() + "/" + ref
			}
			w.asked = append(w.asked, ref)
			return w.said[ref], nil
		},
		Layout: func(_ context.Context, f mirror.Found) (string, func(), error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.fetched = append(w.fetched, f.CID)
			img, ok := w.folders[f.CID]
			if !ok {
				return "", nil, errors.New("nobody has it")
			}
			w.held++
			return img.Layout, func() {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.held--
			}, nil
		},
	}
}

func key(t testing.TB, n byte) *identity.Key {
	t.Helper()
	k, err := identity.FromSecret([32]byte{31: n})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func signed(t testing.TB, k *identity.Key, at int64, name, digest, cid string) wire.Event {
	t.Helper()
	e, err := wire.Seal(k, wire.ContentName{Name: name, What: wire.WhatImage, Digest: digest, CID: cid, Size: 1, Created: at}, time.Unix(at, 0))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestSourceByName(t *testing.T) {
	t.Parallel()
	w := newWorld()
	alice, bob, mallory := key(t, 1), key(t, 2), key(t, 3)
	mine, old, current := newImage(t, 1), newImage(t, 2), newImage(t, 3)
	w.folders[cids[0]], w.folders[cids[1]], w.folders[cids[2]] = mine, old, current
	w.own["mine"] = mirror.Found{Digest: mine.Digest, CID: cids[0]}
	w.own["app:v1"] = mirror.Found{Digest: mine.Digest, CID: cids[0]}
	forged := signed(t, alice, 900, "app:v1", mine.Digest, cids[0])
	forged.Content = "changed"
	w.said[alice.PubKey().Short()+"/app:v1"] = mirror.Said{
		Names: []wire.Event{
			signed(t, alice, 100, "app:v1", old.Digest, cids[1]),
			signed(t, alice, 200, "app:v1", current.Digest, cids[2]),
			signed(t, mallory, 300, "app:v1", mine.Digest, cids[0]), // another's word
			signed(t, alice, 400, "other:v1", mine.Digest, cids[0]), // of another name
			forged,
		},
		CIDs: []string{cids[0]},
	}
	w.said[bob.PubKey().Short()+"/tool"] = mirror.Said{Names: []wire.Event{signed(t, bob, 100, "tool", old.Digest, cids[1])}}
	w.said[mallory.PubKey().Short()+"/evil:v1"] = mirror.Said{Names: []wire.Event{signed(t, mallory, 100, "evil:v1", old.Digest, cids[2])}}
	s := mirror.NewSource(mirror.SourceConfig{Self: key(t, 9).PubKey(), Publishers: []identity.PubKey{alice.PubKey(), bob.PubKey()}}, w.deps(), slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		ref  mirror.Ref
		want string // digest
	}{
		{mirror.Ref{Name: "mine", Tag: "latest"}, mine.Digest},
		{mirror.Ref{Name: "mine", Tag: "v1"}, ""},
		{mirror.Ref{Name: "app", Tag: "v1"}, mine.Digest}, // one's own before publishers'
		{mirror.Ref{Owner: key(t, 9).PubKey(), Name: "app", Tag: "v1"}, mine.Digest},
		{mirror.Ref{Owner: alice.PubKey(), Name: "app", Tag: "v1"}, current.Digest},
		{mirror.Ref{Owner: alice.PubKey(), Name: "app", Tag: "v2"}, ""},
		{mirror.Ref{Owner: alice.PubKey(), Name: "mine", Tag: "latest"}, ""},
		{mirror.Ref{Name: "tool", Tag: "latest"}, old.Digest}, // a publisher's
		{mirror.Ref{Name: "evil", Tag: "v1"}, ""},             // nobody's here
	} {
		img, err := s.ByName(t.Context(), c.ref)
		if c.want == "" {
			if !errors.Is(err, mirror.ErrUnknown) {
				t.Errorf("%s: %+v, %v", c.ref, img, err)
			}
			continue
		}
		if err != nil || img.Digest != c.want {
			t.Errorf("%s: %+v, %v", c.ref, img, err)
			continue
		}
		img.Release()
	}
	// A name that its owner gave to a folder without that image.
	if img, err := s.ByName(t.Context(), mirror.Ref{Owner: mallory.PubKey(), Name: "evil", Tag: "v1"}); !errors.Is(err, exec.ErrImage) {
		t.Errorf("%+v, %v", img, err)
	}
	if w.held != 0 {
		t.Errorf("%d are held", w.held)
	}
	list, err := s.List(t.Context())
	if err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestSourceByDigest(t *testing.T) {
	t.Parallel()
	w := newWorld()
	img, wrong := newImage(t, 1), newImage(t, 2)
	w.folders[cids[0]], w.folders[cids[1]], w.folders[cids[2]] = img, wrong, wrong
	stranger := key(t, 3)
	w.said[img.Digest] = mirror.Said{
		Names: []wire.Event{signed(t, stranger, 100, "x", img.Digest, cids[1]), signed(t, stranger, 100, "y", wrong.Digest, cids[2])},
		CIDs:  []string{cids[1], cids[3], cids[0], cids[0]},
	}
	s := mirror.NewSource(mirror.SourceConfig{}, w.deps(), slog.New(slog.DiscardHandler))
	// A lie and an absence are passed over, and what was found is remembered.
	for range 3 {
		got, err := s.ByDigest(t.Context(), img.Digest)
		if err != nil || got.Digest != img.Digest || got.Dir != img.Layout {
			t.Fatalf("%+v, %v", got, err)
		}
		got.Release()
	}
	if len(w.asked) != 1 || !slices.Equal(w.fetched, []string{cids[1], cids[3], cids[0], cids[0], cids[0]}) {
		t.Errorf("asked %q, fetched %q", w.asked, w.fetched)
	}
	if _, err := s.ByDigest(t.Context(), nothing); !errors.Is(err, mirror.ErrUnknown) {
		t.Error(err)
	}
	// However many folders strangers name, a few are tried.
	w.fetched = nil
	w.said[nothing] = mirror.Said{CIDs: append(slices.Clone(cids[1:]), "a", "b", "c")}
	if _, err := s.ByDigest(t.Context(), nothing); err == nil || len(w.fetched) != 4 {
		t.Errorf("fetched %q, %v", w.fetched, err)
	}
	if w.held != 0 {
		t.Errorf("%d are held", w.held)
	}
}

// TestSourceSearchEnds: a network that does not answer is not waited for.
func TestSourceSearchEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deps := newWorld().deps()
		deps.Search = func(ctx context.Context, _ identity.PubKey, _ string) (mirror.Said, error) {
			<-ctx.Done()
			return mirror.Said{}, ctx.Err()
		}
		s := mirror.NewSource(mirror.SourceConfig{Search: 10 * time.Second}, deps, slog.New(slog.DiscardHandler))
		begun := time.Now()
		if _, err := s.ByDigest(t.Context(), nothing); !errors.Is(err, mirror.ErrUnknown) || time.Since(begun) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.ByName(ctx, mirror.Ref{Owner: key(t, 1).PubKey(), Name: "app", Tag: "v1"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// TestSourcePulls: so many images are brought at once, and what is here does
// not wait for them.
func TestSourcePulls(t *testing.T) {
	t.Parallel()
	w := newWorld()
	here, far := newImage(t, 1), newImage(t, 2)
	w.folders[cids[0]], w.folders[cids[1]] = here, far
	w.own["here"], w.own["far"] = mirror.Found{Digest: here.Digest, CID: cids[0]}, mirror.Found{Digest: far.Digest, CID: cids[1]}
	deps := w.deps()
	begun, let := make(chan struct{}), make(chan struct{})
	layout := deps.Layout
	deps.Layout = func(ctx context.Context, f mirror.Found) (string, func(), error) {
		if f.CID == cids[1] {
			begun <- struct{}{}
			<-let
		}
		return layout(ctx, f)
	}
	deps.Here = func(cid string) bool { return cid == cids[0] }
	s := mirror.NewSource(mirror.SourceConfig{Pulls: 1}, deps, slog.New(slog.DiscardHandler))
	var wg sync.WaitGroup
	defer wg.Wait()
	for range 2 {
		wg.Go(func() {
			if img, err := s.ByName(t.Context(), mirror.Ref{Name: "far", Tag: "latest"}); err != nil {
				t.Error(err)
			} else {
				img.Release()
			}
		})
	}
	<-begun
	if img, err := s.ByName(t.Context(), mirror.Ref{Name: "here", Tag: "latest"}); err != nil {
		t.Error(err)
	} else {
		img.Release()
	}
	select {
	case <-begun:
		t.Error("two at once")
	default:
	}
	close(let)
	<-begun
}
