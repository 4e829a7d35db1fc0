package compare_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"time"

	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/wire"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	lax := wire.Profile{Comparator: "numeric", N: 100, FPRppm: 30_000, Thresholds: map[string]string{"rel": "0.5"}}
	s, err := compare.Sign(key(t), lax, time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	j := compare.Judge{
		Profile: func(_ context.Context, cid string) ([]byte, error) {
			if cid == "gone" {
				return nil, fs.ErrNotExist
			}
			return s.Bytes(), nil
		},
		Own: func(_ context.Context, image string) (compare.Comparator, error) {
			if image != "mine" {
				return nil, fs.ErrNotExist
			}
			return table{[]byte("?="), []byte("=?")}, nil
		},
	}
	results := []fs.FS{one("x.json", []byte(`[1.0]`)), one("x.json", []byte(`[1.2]`))}
	for _, v := range []struct {
		j      compare.Judge
		spec   job.Verify
		groups int
		err    error
	}{
		{j, job.Verify{Compare: "exact"}, 2, nil},
		{j, job.Verify{Compare: "numeric"}, 2, nil},
		{j, job.Verify{Compare: "numeric", Profile: s.CID}, 1, nil},
		{j, job.Verify{Compare: "numeric", Profile: model}, 0, compare.ErrProfile}, // other bytes than named
		{j, job.Verify{Compare: "image", Profile: s.CID}, 0, compare.ErrProfile},
		{j, job.Verify{Compare: "numeric", Profile: "gone"}, 0, fs.ErrNotExist},
		{compare.Judge{}, job.Verify{Compare: "numeric", Profile: s.CID}, 0, compare.ErrProfile},
		{compare.Judge{}, job.Verify{Compare: "container", Image: "mine"}, 0, compare.ErrRunner},
		{j, job.Verify{Compare: "container", Image: "other"}, 0, fs.ErrNotExist},
		{j, job.Verify{Compare: "text"}, 0, compare.ErrReplay},
	} {
		groups, _, _, err := v.j.Compare(t.Context(), v.spec, results)
		if !errors.Is(err, v.err) || len(groups) != v.groups {
			t.Errorf("%+v: %v, %v", v.spec, groups, err)
		}
	}
	own := []fs.FS{one("n", []byte("0")), one("n", []byte("1"))}
	if groups, _, _, err := j.Compare(t.Context(), job.Verify{Compare: "container", Image: "mine"}, own); err != nil || len(groups) != 1 {
		t.Errorf("%v, %v", groups, err)
	}
	if _, err := j.Thresholds(t.Context(), job.Verify{Compare: "text", Profile: s.CID}); !errors.Is(err, compare.ErrProfile) {
		t.Errorf("numeric thresholds for text: %v", err)
	}
	if got, err := j.Thresholds(t.Context(), job.Verify{Compare: "text"}); err != nil || got != compare.DefaultThresholds() {
		t.Errorf("%+v, %v", got, err)
	}
}
