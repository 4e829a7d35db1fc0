package infer

import (
	"maps"
	"testing"

	"infernet.tech/infernet/exec/engine/gguf/gguftest"
	"infernet.tech/infernet/node/compare"
)

// cheat is a way to answer by something else than what is paid for.
type cheat struct {
	edit edit               // of the model's weights
	args []string           // of the engine
	ask  func(i int) string // what the engine is asked in the place of question i
	lie  func(h *heard)     // changes the answer
	more map[string]any     // of the request
	cut  bool               // the text is cut with the tokens
}

// judge has answers made and replayed until they decide, at most n of them,
// and returns the answer with how many answers and tokens it took.
func judge(t testing.TB, cheater, honest *running, how map[string]any, by like, c cheat, n int) (compare.Answer, int, int) {
	t.Helper()
	test := newTrial(alike(), apart())
	for i := range n {
		more := map[string]any{"seed": 1000 + i}
		for k, v := range how {
			more[k] = v
		}
		q := asked(questions(i), more)
		made := q
		if c.ask != nil {
			made = asked(c.ask(i), more)
		}
		if c.more != nil {
			other := maps.Clone(more)
			maps.Copy(other, c.more)
			made = asked(questions(i), other)
		}
		h, in := cheater.answers(t, made)
		if c.lie != nil {
			c.lie(h)
		}
		claim, ok := claimOf(q, h, in, 512)
		if !ok {
			t.Fatalf("answer %d cannot be audited: %+v", i, h)
		}
		out := honest.replays(t, claim)
		if c.cut {
			claim.text = out.Text
		}
		if err := test.add(claim, out, by); err != nil {
			t.Fatal(err)
		}
		if a, s, why := test.decide(); a != compare.Inconclusive {
			t.Log(why)
			return a, i + 1, s.Tokens
		}
	}
	_, s, _ := test.decide()
	_, e := test.other.ends.Decide()
	t.Log(s.Why(), s.Against, s.For)
	t.Log(e.Why(), e.Against, e.For)
	return compare.Inconclusive, n, s.Tokens
}

// TestCheatsAreFound replays answers of real engines that run variants of the
// model, or are asked something else, or lie about what came out.
func TestCheatsAreFound(t *testing.T) {
	honest := serve(t, model(t, nil))
	alikes, engines := like{engine: true, class: true}, like{}
	greedy, drawn := map[string]any{"temperature": 0}, map[string]any{"temperature": 0.9, "top_p": 0.95}
	for name, tc := range map[string]struct {
		cheat
		how    map[string]any
		by     like
		most   int // answers it may take
		honest bool
	}{
		"honest":                  {how: greedy, by: alikes, most: 12, honest: true},
		"honest, drawn":           {how: drawn, by: alikes, most: 12, honest: true},
		"honest, other machines":  {how: greedy, by: like{engine: true}, most: 12, honest: true},
		"other arithmetic":        {cheat: cheat{edit: gguftest.Jitter(3e-3)}, how: drawn, by: alikes, most: 40, honest: true},
		"three layers of five":    {cheat: cheat{edit: gguftest.DropLayers(1, 3)}, how: greedy, by: engines, most: 30},
		"one layer less, drawn":   {cheat: cheat{edit: gguftest.DropLayers(2)}, how: drawn, by: like{engine: true}, most: 30},
		"a head less":             {cheat: cheat{edit: gguftest.DropHead(1, 32)}, how: greedy, by: alikes, most: 30},
		"pruned":                  {cheat: cheat{edit: gguftest.Prune(0.2)}, how: drawn, by: alikes, most: 40},
		"four bits":               {cheat: cheat{edit: gguftest.Quantise(4)}, how: greedy, by: alikes, most: 40},
		"four bits, drawn":        {cheat: cheat{edit: gguftest.Quantise(4)}, how: drawn, by: alikes, most: 40},
		"three bits, other seeds": {cheat: cheat{edit: gguftest.Quantise(3)}, how: greedy, by: engines, most: 40},
		"two bits, distribution":  {cheat: cheat{edit: gguftest.Quantise(2)}, how: drawn, by: engines, most: 30},
		"another template":        {cheat: cheat{args: []string{"-template", "chatml"}}, how: greedy, by: engines, most: 30},
		"cut short":               {cheat: cheat{cut: true, lie: func(h *heard) { h.ids, h.finish = h.ids[:max(1, len(h.ids)/2)], "stop" }}, how: greedy, by: engines, most: 30},
		"ended by its length":     {cheat: cheat{lie: func(h *heard) { h.finish = "length" }}, how: map[string]any{"temperature": 0, "max_tokens": 400}, by: engines, most: 4},
		"answers of the cache":    {cheat: cheat{ask: func(i int) string { return questions(i + 1) }}, how: greedy, by: engines, most: 30},
		"another text":            {cheat: cheat{lie: func(h *heard) { h.text = []byte("Buy more. " + string(h.text)) }}, how: greedy, by: engines, most: 4},
		"colder than asked":       {cheat: cheat{more: map[string]any{"temperature": 0.3}}, how: drawn, by: like{engine: true}, most: 40},
	} {
		t.Run(name, func(t *testing.T) {
			cheater := honest
			if tc.edit != nil || tc.args != nil {
				cheater = serve(t, model(t, tc.edit), tc.args...)
			}
			got, answers, tokens := judge(t, cheater, honest, tc.how, tc.by, tc.cheat, tc.most)
			want := compare.Mismatch
			if tc.honest {
				want = compare.Match
			}
			if got != want {
				t.Errorf("%s after %d answers", got, answers)
			}
			t.Logf("%s after %d answers, %d tokens", got, answers, tokens)
		})
	}
}
