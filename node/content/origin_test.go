package content

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store/blob"
)

// claims says of everything that it is here, for everybody.
type claims struct{}

func (claims) Answer(identity.PubKey, string) holders.Answer {
	return holders.Answer{Held: 9, Size: 9, Whole: true, Public: true}
}

// A stranger that says of confidential content that everybody may have it does
// not have it published.
func TestLieThatItIsPublic(t *testing.T) {
	t.Parallel()
	owner := start(t, memberOptions{wait: 10 * time.Millisecond})
	stranger := start(t, memberOptions{})
	friend := start(t, memberOptions{}, owner, stranger)
	data := noise(11, 4<<20)
	cid := owner.add(data)
	owner.Grant(cid, friend.id())
	liar := holders.New(holders.Deps{Host: stranger.host, Local: claims{}})
	stranger.host.Handle(p2p.ProtoHave, p2p.HaveStreamLimits(), liar.Serve)
	friend.get(cid, data, FetchOptions{From: []identity.PubKey{owner.id()}, Anyone: true})
	if friend.Shared(cid) {
		t.Error("confidential content is shared")
	}
	// What an earlier transfer left in confidence is not published either, though
	// the rest comes from the public.
	other := start(t, memberOptions{}, owner)
	more := noise(12, 40<<20)
	cid = owner.add(more)
	owner.Grant(cid, other.id())
	other.part(owner, cid, FetchOptions{From: []identity.PubKey{owner.id()}})
	if err := owner.Share(cid); err != nil {
		t.Fatal(err)
	}
	other.get(cid, more, anyone)
	if other.Shared(cid) {
		t.Error("content that came in part in confidence is shared")
	}
}

// part fetches some of a blob and breaks off; from gives no more meanwhile.
func (m *member) part(from *member, cid string, o FetchOptions) {
	m.t.Helper()
	from.brake.Store(from.served.Load() + 30<<20)
	defer from.brake.Store(0)
	ctx, cancel := context.WithCancel(m.t.Context())
	defer cancel()
	o.Progress = func(p blob.Progress) {
		if p.Bytes > 20<<20 {
			cancel()
		}
	}
	if _, err := m.FetchWith(ctx, cid, o); !errors.Is(err, context.Canceled) {
		m.t.Fatalf("broken off: %v", err)
	}
	if a := m.have(cid); !a.Has() || a.Whole {
		m.t.Fatalf("here after it was broken off: %+v", a)
	}
}

// What came from the public in two parts is given to it again.
func TestPublicAfterABreak(t *testing.T) {
	t.Parallel()
	a := start(t, memberOptions{})
	b := start(t, memberOptions{}, a)
	data := noise(13, 40<<20)
	cid := a.share(data)
	b.part(a, cid, anyone)
	before := a.served.Load()
	b.get(cid, data, anyone)
	if got := a.served.Load() - before; got > 24<<20 {
		t.Errorf("%d bytes came again", got)
	}
	if !b.Shared(cid) {
		t.Error("not shared")
	}
}

// A provider that fetches a public model for a job takes it from all who have
// it; of what is granted to it alone nobody else is asked.
func TestJobTakesFromAnyone(t *testing.T) {
	t.Parallel()
	// The boss gives what it was asked for by name before it says that everybody
	// may have it: it is held until that was heard.
	var boss, worker *member
	var cid string
	boss = start(t, memberOptions{hold: func(identity.PubKey) bool {
		worker.mu.Lock()
		t := worker.fetches[cid]
		worker.mu.Unlock()
		if t == nil {
			return false
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		return !t.origin.open[boss.id().String()]
	}})
	other := start(t, memberOptions{}, boss)
	worker = start(t, memberOptions{}, boss, other)
	data, secret := noise(14, 48<<20), noise(15, 4<<20)
	cid = boss.share(data)
	private := boss.add(secret)
	other.share(data)
	other.share(secret)
	boss.Grant(cid, worker.id())
	boss.Grant(private, worker.id())
	for c, max := range map[string]int{cid: len(data), private: len(secret)} {
		if _, err := worker.Fetch(t.Context(), c, uint64(max), boss.id()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d bytes from the boss, %d from the other", boss.served.Load(), other.served.Load())
	if !worker.Shared(cid) || worker.Shared(private) {
		t.Errorf("the public is shared: %v, the private: %v", worker.Shared(cid), worker.Shared(private))
	}
}

// A stranger that lists the CID of confidential content in a folder of its own
// does not have it published with that folder; who has the content does, and it
// does not travel again.
func TestFolderThatListsWhatIsConfidential(t *testing.T) {
	t.Parallel()
	owner := start(t, memberOptions{})
	thief, honest := start(t, memberOptions{}), start(t, memberOptions{})
	secret, small := noise(16, 5<<20), noise(17, 3000)
	dir := t.TempDir()
	for name, data := range map[string][]byte{"junk": noise(18, 2<<20), "secret": secret, "small": small} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range []*member{thief, honest} {
		victim := start(t, memberOptions{}, owner, m)
		for _, data := range [][]byte{secret, small} {
			cid := owner.add(data)
			owner.Grant(cid, victim.id())
			victim.get(cid, data, FetchOptions{From: []identity.PubKey{owner.id()}})
		}
		folder, err := m.AddTree(t.Context(), dir)
		if err == nil {
			err = m.Share(folder.CID)
		}
		if err != nil {
			t.Fatal(err)
		}
		if m == thief { // it has the list and not the bytes
			path, err := m.blobs.Path(owner.add(secret))
			if err == nil {
				err = os.Remove(path)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		before := m.served.Load()
		o := anyone
		if o.From = []identity.PubKey{m.id()}; m == thief {
			o.Patience = time.Second
		}
		_, err = victim.FetchWith(t.Context(), folder.CID, o)
		if shared := victim.Shared(folder.CID); shared != (m == honest) || (err == nil) != shared {
			t.Errorf("the thief's: %v, shared: %v, %v", m == thief, shared, err)
		}
		if got := m.served.Load() - before; m == honest && got > 3<<20 {
			t.Errorf("%d bytes travelled", got)
		}
	}
}
