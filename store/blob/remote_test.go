package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestOpenRemote(t *testing.T) {
	t.Parallel()
	from, to := newStore(t), newStore(t)
	for _, size := range []int64{0, 1, 1 << 20, 1<<20 + 1, 9<<20 + 5} {
		want := mustAdd(t, from, noise(3, size))
		r, err := to.OpenRemote(t.Context(), want.CID, saying("liar", statusRefused), serving(t, from))
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		got, err := io.ReadAll(r)
		all, _ := io.ReadAll(noise(3, size))
		if err != nil || !bytes.Equal(got, all) {
			t.Errorf("%d bytes: %d came, %v", size, len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if to.Has(want.CID) {
			t.Error("it is stored")
		}
		clean(t, to)
	}
}

// The beginning costs a few blocks, not the file.
func TestOpenRemoteReadsNoMoreThanAsked(t *testing.T) {
	t.Parallel()
	from, to := newStore(t), newStore(t)
	want := mustAdd(t, from, noise(3, 40<<20))
	src := serving(t, from)
	sent := &tallied{}
	open := src.Open
	src.Open = func(ctx context.Context) (io.ReadWriteCloser, error) {
		c, err := open(ctx)
		sent.ReadWriteCloser = c
		return sent, err
	}
	r, err := to.OpenRemote(t.Context(), want.CID, src)
	if err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 1000)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	all, _ := io.ReadAll(noise(3, 1000))
	if !bytes.Equal(head, all) || sent.n > 2<<20 {
		t.Errorf("%d bytes came for 1000", sent.n)
	}
}

type tallied struct {
	io.ReadWriteCloser
	n int
}

func (c *tallied) Read(p []byte) (int, error) {
	n, err := c.ReadWriteCloser.Read(p)
	c.n += n
	return n, err
}

func TestOpenRemoteRefuses(t *testing.T) {
	t.Parallel()
	from, to := newStore(t), newStore(t)
	info := mustAdd(t, from, strings.NewReader("what was asked for"))
	bad := append([]byte{statusOK, statusOK, 19}, "what was not asked"...)
	dir, err := from.AddTree(t.Context(), writeTree(t, map[string]string{"a": "b"}))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		cid  string
		src  Source
		want error
	}{
		"nobody has it": {info.CID, serving(t, to), ErrNotHave},
		"other bytes":   {info.CID, saying("liar", bad...), ErrBadBlock},
		"cut":           {info.CID, saying("liar", statusOK), ErrCut},
		"a folder":      {dir.CID, serving(t, from), ErrIsDir},
		"no cid":        {"bafy", serving(t, from), ErrCID},
	} {
		if r, err := to.OpenRemote(t.Context(), tc.cid, tc.src); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	if _, err := to.OpenRemote(t.Context(), info.CID); !errors.Is(err, ErrNoSource) {
		t.Errorf("without sources: %v", err)
	}
}
