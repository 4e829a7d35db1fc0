package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/node/api"
)

func crowd(active, banned int) (out []api.SourceProgress) {
	for range active {
		out = append(out, api.SourceProgress{State: "active", Bytes: 1})
	}
	for range banned {
		out = append(out, api.SourceProgress{State: "banned"})
	}
	return out
}

func TestBarFitsItsColumns(t *testing.T) {
	t.Parallel()
	p := api.AddProgress{Stage: api.StageFetch, Bytes: 3 << 29, Total: 3 << 30, Speed: 100 << 20, LeftMS: 15_360, Sources: crowd(4, 1)}
	for columns, want := range map[int]string{
		120: "fetching  [===============               ]   50%  1.5 of 3.0 GiB  100.0 MiB/s  0:16 left  4 sources, 1 banned",
		84:  "fetching  [==   ]   50%  1.5 of 3.0 GiB  100.0 MiB/s  0:16 left  4 sources, 1 banned",
		79:  "[=====     ]   50%  1.5 of 3.0 GiB  100.0 MiB/s  0:16 left  4 sources, 1 banned",
		70:  " 50%  1.5 of 3.0 GiB  100.0 MiB/s  0:16 left  4 sources, 1 banned",
		50:  " 50%  1.5 of 3.0 GiB  100.0 MiB/s  0:16 left",
		20:  " 50%  1.5 of 3.0 GiB",
		10:  " 50%",
		0:   " 50%",
	} {
		if got := bar(p, columns); got != want {
			t.Errorf("%d columns: %q, want %q", columns, got, want)
		}
		if columns >= 20 && len(want) > columns {
			t.Errorf("%d columns: %d used", columns, len(want))
		}
	}
	p.Sources = crowd(4, 0)
	const all = "fetching  [===   ]   50%  1.5 of 3.0 GiB  100.0 MiB/s  0:16 left  4 sources"
	if got := bar(p, len(all)); got != all || len(all) > 79 {
		t.Errorf("the usual line does not fit a usual terminal: %q", got)
	}
	for _, tc := range []struct {
		p    api.AddProgress
		want string
	}{
		{api.AddProgress{Stage: api.StageFind}, "looking for who has it"},
		{api.AddProgress{Bytes: 2048}, "fetching  2.0 KiB"},
	} {
		if got := bar(tc.p, 80); got != tc.want {
			t.Errorf("%+v: %q", tc.p, got)
		}
	}
	// Between two requests nobody is at work, and yet there are sources.
	idle := api.AddProgress{Bytes: 1, Total: 4, Sources: []api.SourceProgress{{State: "idle", Bytes: 1}, {State: "idle"}}}
	if got := bar(idle, 80); !strings.HasSuffix(got, "  1 source") {
		t.Errorf("%q", got)
	}
	// More than announced is no more than all of it.
	if got := bar(api.AddProgress{Bytes: 5, Total: 4, Speed: 1}, 80); !strings.Contains(got, "100%") || strings.Contains(got, "/s") {
		t.Errorf("%q", got)
	}
}

func TestTransferOnTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tr := &transfer{a: &app{err: &out}, width: func() int { return 100 }}
	tr.show(api.AddProgress{Stage: api.StageFetch, Bytes: 1 << 20, Total: 4 << 20, Speed: 1 << 20, LeftMS: 3000, Sources: crowd(2, 0)})
	tr.show(api.AddProgress{Stage: api.StageFind})
	tr.close()
	lines := strings.Split(out.String(), "\r")
	if len(lines) != 5 || !strings.Contains(lines[1], "2 sources") || strings.Contains(out.String(), "\n") {
		t.Fatalf("%q", lines)
	}
	// The shorter line covers the longer one, and nothing stays at the end.
	if len(lines[2]) != len(lines[1]) || strings.TrimSpace(lines[3]) != "" || lines[4] != "" {
		t.Errorf("%q", lines)
	}
}

func TestTransferInLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		a := &app{err: &out}
		tr := a.newTransfer()
		// What is added at once is not worth a line.
		for b := uint64(0); b <= 100; b += 5 {
			tr.show(api.AddProgress{Stage: api.StageAdd, Bytes: b, Total: 100})
		}
		if out.Len() > 0 {
			t.Fatalf("%q", out.String())
		}
		<-time.After(2 * quiet)
		tr.show(api.AddProgress{Stage: api.StageFind})
		for b := uint64(0); b <= 100; b++ {
			tr.show(api.AddProgress{Bytes: b, Total: 100, Speed: 4, LeftMS: 25, Sources: crowd(1, 0)})
		}
		tr.close()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 11 || lines[0] != "looking for who has it" || lines[1] != "   10%  10 of 100 B  4 B/s  0:01 left  1 source" {
			t.Errorf("%q", lines)
		}
		if last := lines[len(lines)-1]; last != "  100%  100 of 100 B  1 source" {
			t.Errorf("%q", last)
		}
	})
}

func TestLeftText(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		time.Millisecond: "0:01", 59 * time.Second: "0:59", 12*time.Minute + 30*time.Second: "12:30",
		3*time.Hour + 5*time.Minute: "3:05:00", 52 * time.Hour: "2d 4h",
	} {
		if got := leftText(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
