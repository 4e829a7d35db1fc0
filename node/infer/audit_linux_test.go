package infer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"infernet.tech/infernet/exec/engine/gguf/gguftest"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/devnet"
	"infernet.tech/infernet/node/devnet/devnettest"
)

// pruned writes the demonstration model with half of its weights left out.
func pruned(t *testing.T, dir string) string {
	t.Helper()
	file, err := os.ReadFile("../../exec/engine/model/infernet-demo.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if file, err = gguftest.Variant(file, gguftest.Prune(0.5)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "pruned.gguf")
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestE2EAudits: of three providers one answers with a cheaper model than it
// sells. Replays by the others find it out; it is left, and blamed alone.
func TestE2EAudits(t *testing.T) {
	dir := devnettest.Dir(t)
	net := devnettest.Up(t, devnet.Config{
		Dir: filepath.Join(dir, "net"), Providers: 2, Cheaters: 1, Serve: []string{"demo"},
		CheaterArgs: []string{"--serve", "demo", "--cheat", "swap=" + pruned(t, dir)},
	})
	node := devnettest.Client(t, net, "client")
	client := official(t, node)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cheater, _ := net.Node("cheater1")

	var found []api.Lease
	for i := 0; len(found) == 0 && i < 400; i++ {
		prompt := fmt.Sprintf("What is %d plus %d?", 10+i, 3*i+1)
		if _, err := client.Chat.Completions.New(ctx, ask("demo", prompt, 48)); err != nil {
			t.Fatal(err)
		}
		leases, err := node.Leases(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range leases {
			if l.State == "disputed" {
				found = append(found, l)
			}
		}
	}
	audits, err := node.Audits(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].Provider != cheater.NPub {
		t.Fatalf("found out: %+v, audits %+v", found, audits)
	}
	t.Logf("%+v", audits)
	if audits.Confirmed == 0 || audits.Replayed == 0 {
		t.Errorf("audits %+v", audits)
	}
	e, err := node.LeaseEvidence(ctx, found[0].ID)
	if err != nil || e.Provider != cheater.NPub || len(e.Findings) < 2 {
		t.Errorf("evidence %+v, %v", e, err)
	}
	reps, err := node.Reputations(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reps {
		if (r.Bad > 0) != (r.NPub == cheater.NPub) {
			t.Errorf("%s has %d bad receipts", r.NPub, r.Bad)
		}
	}
}
