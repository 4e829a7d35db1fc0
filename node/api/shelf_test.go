package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func (shelf) WriteCAR(_ context.Context, ref string, w io.Writer) error {
	if ref == "none" {
		return Errorf(CodeNotFound, "", "no %s", ref)
	}
	// More than one buffer, so that the reader has some of it.
	if _, err := io.CopyN(w, zeros{}, 1<<20); err != nil || ref == "cut" {
		return errors.Join(err, errors.New("the disk broke"))
	}
	return nil
}

func (shelf) Share(_ context.Context, kind ContentKind, ref string, shared bool) (Content, error) {
	return Content{CID: ref, Kind: kind, Shared: shared}, nil
}

func (shelf) Verify(_ context.Context, _ ContentKind, req VerifyRequest) (VerifyReport, error) {
	if req.Progress != nil {
		req.Progress(AddProgress{Stage: StageVerify, Bytes: 1, Total: 101, Speed: 10})
	}
	return VerifyReport{Checked: 1}, nil
}

func (shelf) Traffic(context.Context) (TrafficReport, error) {
	return TrafficReport{Upload: UploadLimits{Cap: 7}}, nil
}

func (shelf) Mirror(context.Context) (Mirror, error) { return Mirror{Addr: "127.0.0.1:5051"}, nil }

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestCARStreams(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &backend{})
	var out bytes.Buffer
	if err := c.WriteCAR(t.Context(), "bafk", &out); err != nil || out.Len() != 1<<20 {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
	var e *Error
	if err := c.WriteCAR(t.Context(), "none", io.Discard); !errors.As(err, &e) || e.Code != CodeNotFound {
		t.Errorf("before the first byte: %v", err)
	}
	if err := c.WriteCAR(t.Context(), "", io.Discard); !errors.As(err, &e) || e.Code != CodeBadRequest {
		t.Errorf("of nothing: %v", err)
	}
	if err := c.WriteCAR(t.Context(), "cut", io.Discard); !errors.Is(err, ErrAddCut) {
		t.Errorf("half of it passes for the whole: %v", err)
	}
	full := errors.New("the pipe is closed")
	if err := c.WriteCAR(t.Context(), "bafk", refusing{full}); !errors.Is(err, full) || errors.Is(err, ErrAddCut) {
		t.Errorf("the reader's own failure: %v", err)
	}
	x, err := c.AddCAR(t.Context(), io.LimitReader(zeros{}, MaxPrompt+1), AddRequest{Name: "a b", Share: true, Max: 9})
	if err != nil || x.Size != MaxPrompt+1 || x.Name != "a b" || !x.Shared {
		t.Errorf("taken in: %+v, %v", x, err)
	}
}

type refusing struct{ err error }

func (r refusing) Write([]byte) (int, error) { return 0, r.err }

func TestKeeping(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &backend{})
	ctx := t.Context()
	if x, err := c.Share(ctx, Data, "bafk", true); err != nil || !x.Shared || x.Kind != Data {
		t.Errorf("share: %+v, %v", x, err)
	}
	if x, err := c.Share(ctx, Models, "bafk", false); err != nil || x.Shared || x.Kind != Models {
		t.Errorf("unshare: %+v, %v", x, err)
	}
	if x, err := c.Pin(ctx, Data, "bafk", true); err != nil || !x.Pinned {
		t.Errorf("pin: %+v, %v", x, err)
	}
	if r, err := c.GC(ctx, Data, GCRequest{DryRun: true, Keep: 5}); err != nil || !r.DryRun || r.Quota != 5 {
		t.Errorf("gc: %+v, %v", r, err)
	}
	if r, err := c.Traffic(ctx); err != nil || r.Upload.Cap != 7 {
		t.Errorf("traffic: %+v, %v", r, err)
	}
	if m, err := c.Mirror(ctx); err != nil || m.Addr != "127.0.0.1:5051" {
		t.Errorf("mirror: %+v, %v", m, err)
	}
	var seen []AddProgress
	for _, progress := range []func(AddProgress){nil, func(p AddProgress) { seen = append(seen, p) }} {
		if r, err := c.Verify(ctx, Data, VerifyRequest{Progress: progress}); err != nil || r.Checked != 1 || r.Bad == nil {
			t.Errorf("verify: %+v, %v", r, err)
		}
	}
	if len(seen) != 1 || seen[0].LeftMS != 10_000 {
		t.Errorf("progress: %+v", seen)
	}
}

func TestGetTellsItsProgress(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &backend{})
	var seen []string
	x, err := c.Get(t.Context(), Data, GetRequest{Ref: "bafk", Progress: func(p AddProgress) {
		seen = append(seen, fmt.Sprint(p.Stage, p.Bytes, p.Active()))
	}})
	got := strings.Join(seen, ",")
	if err != nil || x.CID != "bafk" || !strings.HasPrefix(got, "find0 0,fetch1 2,") || !strings.HasSuffix(got, ",fetch9 2") {
		t.Errorf("%+v, %v after %q", x, err, seen)
	}
	price := uint64(3)
	for name, req := range map[string]GetRequest{
		"nothing":       {},
		"relative":      {Ref: "x", Dest: "x"},
		"here, of whom": {Ref: "x", Local: true, From: []string{"npub1"}},
		"here, dear":    {Ref: "x", Local: true, MaxPrice: &price},
		"car, nowhere":  {Ref: "x", CAR: true},
		"linked car":    {Ref: "x", Dest: "/x", CAR: true, Link: true},
	} {
		var e *Error
		if _, err := c.Get(t.Context(), Data, req); !errors.As(err, &e) || e.Code != CodeBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, req := range map[string]AddRequest{
		"referenced car":     {Path: "/x", CAR: true, Reference: true},
		"shared and private": {Path: "/x", Share: true, Private: true},
	} {
		var e *Error
		if _, err := c.Add(t.Context(), Data, req); !errors.As(err, &e) || e.Code != CodeBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	var e *Error
	if _, err := c.Add(t.Context(), Models, AddRequest{Path: "/x", CAR: true}); !errors.As(err, &e) || e.Code != CodeBadRequest {
		t.Errorf("a model in a car: %v", err)
	}
}

// Steps that come too quickly are left out; a new stage and the end are not.
func TestStepsThatComeTooQuickly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := httptest.NewRecorder()
		told(w, true, func(progress func(AddProgress)) (Content, error) {
			return shelf{}.Get(t.Context(), Data, GetRequest{Ref: "bafk", Progress: progress})
		})
		var seen []string
		for dec := json.NewDecoder(w.Body); dec.More(); {
			var l Line[Content]
			if err := dec.Decode(&l); err != nil {
				t.Fatal(err)
			}
			if p := l.Progress; p != nil {
				seen = append(seen, fmt.Sprint(p.Stage, p.Bytes, p.Active()))
			}
		}
		if want := "find0 0,fetch1 2,fetch9 2"; strings.Join(seen, ",") != want {
			t.Errorf("%q, want %q", seen, want)
		}
	})
}

func TestNodeStopsDuringATransfer(t *testing.T) {
	t.Parallel()
	b := &backend{}
	c, _ := serve(t, b)
	_, err := c.Get(t.Context(), Data, GetRequest{Ref: "endless", Progress: func(AddProgress) { b.cancel() }})
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeNotReady || e.Hint == "" {
		t.Errorf("with progress: %v", err)
	}
	b = &backend{}
	c, _ = serve(t, b)
	done := make(chan error, 1)
	go func() { _, err := c.Get(t.Context(), Data, GetRequest{Ref: "endless"}); done <- err }()
	if _, err := c.Get(t.Context(), Data, GetRequest{Ref: "endless", Progress: func(AddProgress) { b.cancel() }}); err == nil {
		t.Error("it ends well")
	}
	if err := <-done; err == nil {
		t.Error("it ends well without progress")
	}
}

func TestTimeLeft(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		p    AddProgress
		want time.Duration
	}{
		{AddProgress{Bytes: 0, Total: 100, Speed: 50}, 2 * time.Second},
		{AddProgress{Bytes: 100, Total: 100, Speed: 50}, 0},
		{AddProgress{Bytes: 100, Total: 0, Speed: 50}, 0},
		{AddProgress{Total: 100}, 0},
		{AddProgress{Total: 1 << 62, Speed: 1e-9}, 0},
		{AddProgress{Total: 100, Speed: 50, LeftMS: 7}, 7 * time.Millisecond},
	} {
		if got := time.Duration(tc.p.withLeft().LeftMS) * time.Millisecond; got != tc.want {
			t.Errorf("%+v: %v, want %v", tc.p, got, tc.want)
		}
	}
}

// A refusal reaches the one who is still sending.
func TestRefusalOfALongBody(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &backend{})
	for range 20 {
		var e *Error
		if _, err := c.AddCAR(t.Context(), io.LimitReader(zeros{}, 256<<20), AddRequest{Name: "refused"}); !errors.As(err, &e) || e.Code != CodeConflict {
			t.Fatalf("%v", err)
		}
	}
}
