package node

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/node/api"
)

func TestReading(t *testing.T) {
	t.Parallel()
	if newReading(api.StageAdd, 1, nil).onRead() != nil {
		t.Error("somebody listens")
	}
	synctest.Test(t, func(t *testing.T) {
		var told []api.AddProgress
		read := newReading(api.StageAdd, 1000, func(p api.AddProgress) { told = append(told, p) }).onRead()
		for range 100 {
			<-time.After(20 * time.Millisecond) // 500 bytes a second
			read(10)
		}
		if len(told) != 10 {
			t.Fatalf("told %d times", len(told))
		}
		for _, p := range told {
			if p.Stage != api.StageAdd || p.Total != 1000 || p.Speed < 499 || p.Speed > 501 {
				t.Errorf("%+v", p)
			}
		}
		if told[9].Bytes != 1000 {
			t.Errorf("the end is not told: %+v", told[9])
		}
	})
}

func TestBytesBelow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, size := range map[string]int{"a": 3, "sub/b": 4} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := bytesBelow(dir); n != 7 {
		t.Errorf("%d bytes in the folder", n)
	}
	if n := bytesBelow(filepath.Join(dir, "a")); n != 3 {
		t.Errorf("%d bytes in the file", n)
	}
	if n := bytesBelow(filepath.Join(dir, "none")); n != 0 {
		t.Errorf("%d bytes in nothing", n)
	}
}
