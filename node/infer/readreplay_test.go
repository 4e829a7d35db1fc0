package infer

import (
	"strings"
	"testing"

	"infernet.tech/infernet/node/compare"
)

func FuzzReadReplay(f *testing.F) {
	f.Add([]byte(`{"tokens":[{"id":1,"logprob":-0.5,"rank":2,"top":{"id":3,"logprob":-0.1},"drawn":{"id":1,"gap":0}},{"id":2,"end":true}],"text":"a","usage":{"prompt_tokens":3}}`))
	f.Add([]byte(`{"tokens":[{},{},{},{}]}`))
	f.Add([]byte(`{"tokens":[{"rank":-1,"sampled":1e300,"entropy":-5,"varentropy":1e9,"outside":true}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, err := readReplay(raw, 3)
		if err != nil {
			return
		}
		if len(out.Tokens) > 3 {
			t.Fatalf("%d tokens", len(out.Tokens))
		}
		// Whatever an auditor says of a claim is taken in or refused.
		test := newTrial(alike(), apart())
		c := claim{text: "a"}
		c.req.TokenIDs, c.req.FinishReason = []int{1, 2}, "stop"
		if test.add(c, out, like{engine: true, class: true}) == nil {
			if a, _, _ := test.decide(); a == compare.Match {
				t.Fatal("three tokens decide nothing")
			}
		}
	})
}

func TestReplaysAreBounded(t *testing.T) {
	t.Parallel()
	many := []byte(`{"tokens":[` + strings.Repeat("{},", 1<<20) + `{}]}`)
	if _, err := readReplay(many, 100); err == nil {
		t.Error("a million tokens for a hundred")
	}
	if out, err := readReplay([]byte(`{"tokens":[{},{}]}`), 2); err != nil || len(out.Tokens) != 2 {
		t.Errorf("%v, %v", out, err)
	}
	for _, bad := range []string{``, `{}`, `{"tokens":{}}`, `{"tokens":[{]}`, `{"tokens":"x"}`} {
		if _, err := readReplay([]byte(bad), 2); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
