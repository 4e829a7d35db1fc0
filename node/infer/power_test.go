package infer

import (
	"os"
	"testing"

	"infernet.tech/infernet/exec/engine/gguf/gguftest"
	"infernet.tech/infernet/node/compare"
)

func TestPower(t *testing.T) {
	if os.Getenv("INFERNET_LONG") == "" {
		t.Skip()
	}
	honest := serve(t, model(t, nil))
	th := compare.DefaultThresholds()
	for _, v := range []struct {
		name string
		e    edit
	}{
		{"honest", nil}, {"jitter 1e-3", gguftest.Jitter(1e-3)}, {"jitter 3e-3", gguftest.Jitter(3e-3)}, {"jitter 1e-2", gguftest.Jitter(1e-2)},
		{"8 bits", gguftest.Quantise(8)}, {"6 bits", gguftest.Quantise(6)}, {"5 bits", gguftest.Quantise(5)}, {"4 bits", gguftest.Quantise(4)}, {"3 bits", gguftest.Quantise(3)}, {"2 bits", gguftest.Quantise(2)},
		{"layer 4", gguftest.DropLayers(4)}, {"layer 2", gguftest.DropLayers(2)}, {"layers 1-3", gguftest.DropLayers(1, 2, 3)}, {"head", gguftest.DropHead(1, 32)}, {"pruned 20", gguftest.Prune(0.2)}, {"pruned 40", gguftest.Prune(0.4)},
	} {
		e := serve(t, model(t, v.e))
		for _, m := range []struct {
			name string
			how  map[string]any
			same bool
		}{{"greedy", map[string]any{"temperature": 0}, true}, {"seeded", map[string]any{"temperature": 1}, true}, {"drawn", map[string]any{"temperature": 1}, false}} {
			tr := newTrial(th)
			n, found := 0, compare.Inconclusive
			at := 0
			for i := range 200 {
				m.how["seed"] = i + 1000
				q := asked(questions(i), m.how)
				h, in := e.answers(t, q)
				c, ok := claimOf(q, h, in, 512)
				if !ok {
					t.Fatalf("%+v", h)
				}
				if err := tr.add(c, honest.replays(t, c), m.same); err != nil {
					t.Fatal(err)
				}
				n++
				if a, s, _ := tr.decide(); a != compare.Inconclusive && found == compare.Inconclusive {
					found, at = a, s.Tokens
				}
			}
			a, s, _ := tr.decide()
			_, ends := tr.ends.Decide()
			t.Logf("%-12s %-7s first %s after %d tokens; of %d answers %s: %s; ends %d/%d", v.name, m.name, found, at, n, a, s.Why(), ends.Flips, ends.Tokens)
		}
	}
}
