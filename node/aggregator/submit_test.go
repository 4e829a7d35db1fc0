package aggregator

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

func newDriver(t *testing.T) *Driver {
	t.Helper()
	dir := t.TempDir()
	db := store.NewMem()
	blobs, err := blob.Open(filepath.Join(dir, "blobs"), store.Prefix(db, "blob/"), blob.Config{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	lib := content.New(blobs, store.Prefix(db, "content/"), nil, dir, log)
	return New(Config{Dir: dir}, Deps{Store: store.Prefix(db, "jobs/"), Content: lib, Log: log})
}

// write makes files of a folder.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestShards(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"a.jsonl": "1\n2\n3\n", "b.jsonl": "4\n5", // the last line has no end
		"folder/x": "x", "folder/y": "y", "folder/deep/z": "z",
	})
	for name, tc := range map[string]struct {
		inputs []job.SpecInput
		split  job.Split
		units  []uint64
		files  []map[string]string
	}{
		"lines of two files": {
			[]job.SpecInput{{Path: "a.jsonl"}, {Path: "b.jsonl"}}, job.Split{By: job.SplitByLines, Size: 2}, []uint64{2, 2, 1},
			[]map[string]string{{"input.jsonl": "1\n2\n"}, {"input.jsonl": "3\n4\n"}, {"input.jsonl": "5\n"}},
		},
		"files of a folder": {
			[]job.SpecInput{{Path: "folder"}}, job.Split{By: job.SplitByFiles, Size: 2}, []uint64{2, 1},
			[]map[string]string{{"z": "z", "x": "x"}, {"y": "y"}},
		},
		"none": {
			[]job.SpecInput{{Path: "folder"}, {Path: filepath.Join(dir, "b.jsonl")}}, job.Split{By: job.SplitNone}, []uint64{4},
			[]map[string]string{{"x": "x", "y": "y", "z": "z", "b.jsonl": "4\n5"}},
		},
	} {
		var req Request
		req.Dir, req.Spec.Inputs, req.Spec.Split = dir, tc.inputs, tc.split
		got, err := d.shards(t.Context(), req)
		if err != nil || len(got) != len(tc.units) {
			t.Errorf("%s: %d shards, %v; want %d", name, len(got), err, len(tc.units))
			continue
		}
		for i, in := range got {
			if in.Units != tc.units[i] {
				t.Errorf("%s: shard %d has %d units, want %d", name, i, in.Units, tc.units[i])
			}
			dest := filepath.Join(t.TempDir(), "in")
			if err := d.Content.Blobs().Export(t.Context(), in.CID, dest, blob.Limits{}); err != nil {
				t.Fatal(err)
			}
			found, err := regularFiles(dest)
			if err != nil || len(found) != len(tc.files[i]) {
				t.Errorf("%s: shard %d holds %v, %v", name, i, found, err)
			}
			for _, f := range found {
				if text, err := os.ReadFile(filepath.Join(dest, f)); err != nil || string(text) != tc.files[i][f] {
					t.Errorf("%s: shard %d: %s is %q, %v; want %q", name, i, f, text, err, tc.files[i][f])
				}
			}
		}
	}
	left, err := filepath.Glob(filepath.Join(d.cfg.Dir, ".split-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestShardsThatCannotBe(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{"one/same": "1", "two/same": "2"})
	var req Request
	req.Dir, req.Spec.Split = dir, job.Split{By: job.SplitByFiles, Size: 2}
	req.Spec.Inputs = []job.SpecInput{{Path: "one"}, {Path: "two"}}
	if _, err := d.shards(t.Context(), req); !errors.Is(err, content.ErrAmbiguous) {
		t.Errorf("two files of one name: %v", err)
	}
	req.Spec.Inputs = []job.SpecInput{{Path: "three"}}
	if _, err := d.shards(t.Context(), req); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}

// What was signed once stands, whatever is signed later.
func TestKeptDocumentsStand(t *testing.T) {
	t.Parallel()
	d, h := newDriver(t), newHanded(t)
	first := h.seal(h.agg, h.receipt(0, 0))
	second := h.seal(h.agg, h.receipt(0, 1))
	for i := range 3 {
		ev := second
		if i == 0 {
			ev = first
		}
		stands, err := d.keep(h.j.ID, 0, 0, docReveal, ev)
		if err != nil || stands.ID != first.ID {
			t.Fatalf("try %d: %s stands, %v", i, stands.ID, err)
		}
	}
	if stands, err := d.keep(h.j.ID, 0, 1, docReveal, second); err != nil || stands.ID != second.ID {
		t.Errorf("of another attempt: %s, %v", stands.ID, err)
	}
}

// A job that is known is not entered again.
func TestAJobIsEnteredOnce(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	var j job.Job
	copy(j.ID[:], fmt.Sprintf("%032d", 1))
	a, known, err := d.enter(j)
	if a == nil || known.ID != (job.ID{}) || err != nil {
		t.Fatalf("new: %v, %+v, %v", a, known.ID, err)
	}
	if a, known, err := d.enter(j); a != nil || known.ID != j.ID || err != nil {
		t.Errorf("live: %v, %v, %v", a, known.ID, err)
	}
	d.retire(a)
	if a, known, err := d.enter(j); a != nil || known.ID != j.ID || err != nil {
		t.Errorf("ended: %v, %v, %v", a, known.ID, err)
	}
}
