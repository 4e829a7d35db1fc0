package content

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store/blob"
)

// imageOf takes in an image that says so.
func (m *member) imageOf(says string, o ImageOptions) AddedImage {
	m.t.Helper()
	dir := filepath.Join(m.t.TempDir(), "layout")
	_, err := image.WriteLayout(dir, image.Spec{
		Files:      map[string]image.File{"task": {Mode: 0o755, Data: []byte(says)}},
		Entrypoint: []string{"/task"},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	img, err := m.AddImageFile(m.t.Context(), dir, o)
	if err != nil {
		m.t.Fatal(err)
	}
	return img
}

// An image is pulled by its author's name and by its digest, from the author
// and, when he is gone, from who pulled it.
func TestImagesByNameAndDigest(t *testing.T) {
	t.Parallel()
	author := start(t, memberOptions{tables: true})
	b := start(t, memberOptions{tables: true}, author)
	c := start(t, memberOptions{tables: true}, b)
	img := author.imageOf("one", ImageOptions{Name: "team/app"})
	secret := author.imageOf("two", ImageOptions{Name: "team/secret", Private: true})
	if img.CID == "" || img.Digest == "" || !slices.Equal(img.Names, []string{"team/app"}) || len(img.Platforms) == 0 {
		t.Fatalf("added %+v", img)
	}
	name := author.id().String() + "/team/app"
	e, dir, err := b.PullImage(t.Context(), name, anyone)
	if err != nil || e.CID != img.CID || e.Digest != img.Digest {
		t.Fatalf("pulled %+v, %v", e, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err != nil {
		t.Error(err)
	}
	for _, ref := range []string{author.id().String() + "/team/secret", secret.Digest} {
		if _, _, err := b.PullImage(t.Context(), ref, anyone); !errors.Is(err, ErrNoName) {
			t.Errorf("%s, which is private: %v", ref, err)
		}
	}
	want := []string{img.CID, holders.NameRef(author.id(), wire.WhatImage, "team/app:latest"), img.Digest}
	for _, m := range []*member{author, b} {
		if got, err := m.Announced(); err != nil || !slices.Equal(got, want) {
			t.Errorf("announced %v, %v", got, err)
		}
	}
	author.stop()
	for _, ref := range []string{name + ":latest", img.Digest, img.CID} {
		if e, _, err := c.PullImage(t.Context(), ref, anyone); err != nil || e.CID != img.CID || e.Digest != img.Digest {
			t.Errorf("%s without its author: %+v, %v", ref, e, err)
		}
	}
}

// Of what an author signed the newest holds, whoever tells it.
func TestNewestNameHolds(t *testing.T) {
	t.Parallel()
	author := start(t, memberOptions{})
	b := start(t, memberOptions{}, author)
	old := author.imageOf("old", ImageOptions{Name: "app:v1"})
	// Who is slow to answer is not waited for: then it is asked again. Before that
	// nobody says anything else.
	means := func(what string, m *member, want AddedImage) {
		t.Helper()
		until(t, what, func() bool {
			began := time.Now()
			n, err := m.ResolveName(t.Context(), author.id(), Image, "app:v1")
			took := time.Since(began)
			switch {
			case err != nil && !errors.Is(err, ErrUntold):
				t.Fatalf("%s: %v", what, err)
			case err == nil && n.Digest != want.Digest && took < betterTime:
				t.Fatalf("%s: %s after no more than %s, want %s", what, n.Digest, took, want.Digest)
			}
			return err == nil && n.Digest == want.Digest
		})
	}
	means("the first", b, old)
	// B knows the old one still; within the same second there is a newer one.
	young := author.imageOf("young", ImageOptions{Name: "app:v1"})
	c := start(t, memberOptions{}, b, author)
	for _, m := range []*member{b, c} {
		means("the newer", m, young)
	}
	// What was noted here under the author's name is not what it means now.
	note := author.id().String() + "/app:v1"
	if err := b.Name(Entry{Kind: Image, Name: note, CID: b.imageOf("note", ImageOptions{}).CID}); err != nil {
		t.Fatal(err)
	}
	if e, _, err := b.PullImage(t.Context(), note, anyone); err != nil || e.Digest != young.Digest {
		t.Errorf("pulled %+v, %v", e, err)
	}
	if author.Shared(old.CID) || !author.Shared(young.CID) {
		t.Error("what lost its last name is shared, or what did not is not")
	}
	if _, err := author.Unname(Image, "app:v1"); err != nil {
		t.Fatal(err)
	}
	if author.Shared(young.CID) {
		t.Error("what lost its last name is shared")
	}
	means("from who knows it still", start(t, memberOptions{}, b), young)
	// Given again within the same second it is newer all the same; given to what
	// is private it is told no more.
	last := author.imageOf("last", ImageOptions{Name: "app:v1"})
	means("given again", b, last)
	author.imageOf("hidden", ImageOptions{Name: "app:v1", Private: true})
	if _, err := start(t, memberOptions{}, author).ResolveName(t.Context(), author.id(), Image, "app:v1"); !errors.Is(err, ErrNoName) {
		t.Errorf("given to what is private: %v", err)
	}
}

// A layout that is not of the digest asked for is passed over.
func TestDigestOfAnother(t *testing.T) {
	t.Parallel()
	liar := start(t, memberOptions{})
	honest := start(t, memberOptions{})
	c := start(t, memberOptions{}, liar, honest)
	img := honest.imageOf("right", ImageOptions{})
	var wrong []string
	for _, says := range []string{"wrong", "wrong too"} {
		other := liar.imageOf(says, ImageOptions{})
		wrong = append(wrong, other.CID)
		if err := liar.indexDigest(img.Digest, other.CID); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "pulled", func() bool { // again, where the honest one was not waited for
		began := time.Now()
		e, _, err := c.PullImage(t.Context(), img.Digest, anyone)
		took := time.Since(began)
		if err == nil && e.CID != img.CID {
			t.Errorf("pulled %+v", e)
		}
		late := errors.Is(err, exec.ErrImage) && !strings.Contains(err.Error(), img.CID) && took >= betterTime
		if err != nil && !late && !errors.Is(err, ErrUntold) {
			t.Fatalf("after %s: %v", took, err)
		}
		return err == nil
	})
	if got := c.layoutsOf(img.Digest, 9); !slices.Equal(got, []string{img.CID}) {
		t.Errorf("the digest stands for %v", got)
	}
	for _, cid := range wrong {
		if c.Shared(cid) || c.Has(cid) || exists(filepath.Join(c.dir, "images", cid)) {
			t.Errorf("what it is not stays: shared %v, here %v", c.Shared(cid), c.Has(cid))
		}
	}
}

// script answers as it is told.
type script []holders.Answer

func (s script) Find(_ context.Context, q holders.Query, found func(identity.PubKey, holders.Answer) bool) {
	for i, a := range s {
		if !found(identity.PubKey{byte(i + 1)}, a) {
			return
		}
	}
}

// Documents of other authors, other names and the future are not taken.
func TestFalseNames(t *testing.T) {
	t.Parallel()
	author, other := newKey(t), newKey(t)
	now := time.Now()
	doc := wire.ContentName{Name: "demo", What: wire.WhatModel, CID: cidOf(1), Size: 1, Created: 5}
	seal := func(k *identity.Key, change func(*wire.ContentName), at time.Time) holders.Answer {
		d := doc
		if change != nil {
			change(&d)
		}
		ev, err := wire.Seal(k, d, at)
		if err != nil {
			t.Fatal(err)
		}
		return holders.Answer{Public: true, CID: d.CID, Names: []wire.Event{ev}}
	}
	false1 := seal(other, nil, now)
	false2 := seal(author, func(d *wire.ContentName) { d.Name = "demon" }, now)
	false3 := seal(author, func(d *wire.ContentName) { d.CID = cidOf(2) }, now.Add(time.Hour))
	older := seal(author, func(d *wire.ContentName) { d.CID = cidOf(3) }, now.Add(-time.Hour))
	good := seal(author, nil, now)
	private := seal(author, func(d *wire.ContentName) { d.CID = cidOf(4) }, now.Add(time.Second))
	private.Public = false
	for name, c := range map[string]struct {
		says script
		want string
		kept bool
	}{
		"nothing":      {nil, "", false},
		"false ones":   {script{false1, false2, false3}, "", false},
		"among others": {script{false1, older, good, false3, older}, doc.CID, true},
		"an older one": {script{older}, cidOf(3), true},
		"to us alone":  {script{private}, cidOf(4), false},
	} {
		l := newLibrary(t)
		l.SetNetwork(Network{Key: newKey(t), Holders: c.says})
		n, err := l.ResolveName(t.Context(), author.PubKey(), Model, "demo")
		if n.CID != c.want || (err == nil) != (c.want != "") || err != nil && !errors.Is(err, ErrNoName) {
			t.Errorf("%s: %q, %v", name, n.CID, err)
		}
		// What was learned in public is handed on, and nothing else is.
		a := l.Answer(other.PubKey(), holders.NameRef(author.PubKey(), wire.WhatModel, "demo"))
		if c.kept != (len(a.Names) == 1) || c.kept && a.CID != c.want {
			t.Errorf("%s: handed on: %+v", name, a)
		}
	}
}

func newKey(t *testing.T) *identity.Key {
	t.Helper()
	k, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// cidOf is some CID.
func cidOf(i int) string {
	ids := []string{
		"bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
		"bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq", "bafkreia5tgbdxaqk3gnfmhyldaxgvcgo4zdpnlmrkevo5vgzvmzfw2wxgy",
	}
	return ids[i-1]
}

// The names of others that are kept are bounded; this node's own stay.
func TestLearnedNamesAreBounded(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	l.SetNetwork(Network{Key: newKey(t)})
	own := addShared(t, l, "mine")
	if err := l.Name(Entry{Kind: Data, Name: "mine", CID: own.CID, Size: own.Size}); err != nil {
		t.Fatal(err)
	}
	author := newKey(t)
	for i := range 6 {
		doc := wire.ContentName{Name: fmt.Sprintf("n%d", i), What: wire.WhatModel, CID: cidOf(1), Size: 1, Created: 5}
		ev, err := wire.Seal(author, doc, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := l.forgetLearned(3); err != nil {
			t.Fatal(err)
		}
		if _, err := l.learn(Named{ContentName: doc, Author: author.PubKey(), Event: ev}); err != nil {
			t.Fatal(err)
		}
	}
	known := 0
	for i := range 6 {
		if _, err := l.signedName(holders.NameRef(author.PubKey(), wire.WhatModel, fmt.Sprintf("n%d", i))); err == nil {
			known++
		}
	}
	if known != 4 {
		t.Errorf("%d names of others are known", known)
	}
	if _, err := l.signedName(holders.NameRef(l.net.Key.PubKey(), wire.WhatData, "mine")); err != nil {
		t.Errorf("its own: %v", err)
	}
}

func addShared(t *testing.T, l *Library, says string) blob.Info {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(says), 0o644); err != nil {
		t.Fatal(err)
	}
	info, err := l.blobs.AddFile(t.Context(), path, blob.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Share(info.CID); err != nil {
		t.Fatal(err)
	}
	return info
}

// What is shared ends with the blob, and what is no CID is not shared.
func TestShareEndsWithTheBlob(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	info := addShared(t, l, "x")
	if got, err := l.Announced(); err != nil || !slices.Equal(got, []string{info.CID}) {
		t.Errorf("announced %v, %v", got, err)
	}
	if _, err := l.GC(t.Context(), false, nil); err != nil {
		t.Fatal(err)
	}
	if l.Has(info.CID) || l.Shared(info.CID) {
		t.Error("collected and shared still")
	}
	for _, bad := range []string{"", "../x", "sha256:aa"} {
		if err := l.Share(bad); !errors.Is(err, blob.ErrCID) || l.Shared(bad) {
			t.Errorf("shared %q: %v", bad, err)
		}
	}
}
