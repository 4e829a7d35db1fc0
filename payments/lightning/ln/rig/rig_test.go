package rig_test

import (
	"context"
	"testing"
	"time"

	"infernet.tech/infernet/payments/lightning/ln/rig"
)

func TestBringUp(t *testing.T) {
	programs, err := rig.Find()
	if err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	began := time.Now()
	r, err := rig.Start(ctx, rig.Config{Programs: programs, Dir: t.TempDir(), Nodes: []string{"alice", "bob"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	t.Logf("up after %v", time.Since(began))
	point, err := r.Open(ctx, r.Nodes[0], r.Nodes[1], 1_000_000, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("channel %v after %v", point, time.Since(began))
}
