package aggregator

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/tasklog"
	"infernet.tech/infernet/p2p/identity"
)

func said(text string) tasklog.Chunk {
	return tasklog.Chunk{Stream: tasklog.Stdout, Data: []byte(text)}
}

func TestFeedTellsEverybodyEverything(t *testing.T) {
	t.Parallel()
	f := newFeed(job.Job{Name: "first"})
	u, next, changed := f.since(0)
	if u.Job.Name != "first" || len(u.Logs) != 0 || u.End {
		t.Fatalf("at first: %+v", u)
	}
	f.log(0, 0, identity.PubKey{}, said("a"))
	f.update(job.Job{Name: "second"})
	select {
	case <-changed:
	default:
		t.Fatal("nobody was woken")
	}
	u, next, _ = f.since(next)
	if u.Job.Name != "second" || len(u.Logs) != 1 {
		t.Fatalf("then: %+v", u)
	}
	f.log(0, 0, identity.PubKey{}, said("b"))
	f.close(job.Job{Name: "last"})
	if u, _, _ = f.since(next); len(u.Logs) != 1 || string(u.Logs[0].Chunk.Data) != "b" || !u.End {
		t.Errorf("at last: %+v", u)
	}
	if u, _, _ = f.since(0); len(u.Logs) != 2 {
		t.Errorf("who comes late hears %d of 2", len(u.Logs))
	}
}

// Output is bounded, whatever the pieces it comes in; a slow reader misses the
// oldest and no other.
func TestFeedIsBounded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 1000, tasklog.MaxChunk} {
		f := newFeed(job.Job{})
		data := bytes.Repeat([]byte("x"), size)
		for range 40_000 {
			f.log(0, 0, identity.PubKey{}, tasklog.Chunk{Stream: tasklog.Stdout, Data: data})
		}
		u, next, _ := f.since(0)
		if most := maxLog/(size+logCost) + 1; len(u.Logs) > most || len(u.Logs) == 0 {
			t.Errorf("chunks of %d bytes: %d are kept, want at most %d", size, len(u.Logs), most)
		}
		if next != 40_000 {
			t.Errorf("chunks of %d bytes: next is %d", size, next)
		}
		f.log(0, 0, identity.PubKey{}, said("z"))
		if u, _, _ = f.since(next); len(u.Logs) != 1 || string(u.Logs[0].Chunk.Data) != "z" {
			t.Errorf("chunks of %d bytes: then %d new ones", size, len(u.Logs))
		}
	}
}

func TestConcat(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := map[string]string{}
	for i := range 11 { // ten and more: names sort by number
		for _, name := range []string{"a.txt", "sub/b.txt"} {
			if name == "sub/b.txt" && i%2 == 0 {
				continue // not every shard has every file
			}
			path := filepath.Join(dir, "shards", shardName(i), name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprintf("%s of %d\n", name, i)
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			want[name] += text
		}
	}
	out := filepath.Join(dir, "out")
	if err := concat(filepath.Join(dir, "shards"), 11, out); err != nil {
		t.Fatal(err)
	}
	files, err := regularFiles(out)
	if err != nil || len(files) != 2 {
		t.Fatalf("files %v, %v", files, err)
	}
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(got) != text {
			t.Errorf("%s: %q, %v; want %q", name, got, err, text)
		}
	}
}

func TestTransitionsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	line := func(to string) job.Transition { return job.Transition{Subject: "job", To: to} }
	before := job.Job{Log: []job.Transition{line("a"), line("b")}}
	after := job.Job{Log: []job.Transition{line("b"), line("c"), line("d")}} // the first was dropped
	if got := newTransitions(before, after); len(got) != 2 || got[0].To != "c" {
		t.Errorf("new lines: %v", got)
	}
	if got := newTransitions(job.Job{}, before); len(got) != 2 {
		t.Errorf("of a new job: %v", got)
	}
}
