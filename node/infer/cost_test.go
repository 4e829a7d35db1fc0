package infer

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkAudit times answers of a real engine and their replays, one after the
// other, and reports what an audit costs as a share of the answer: with the
// prompt's cache cold for both, as a second provider has it.
func BenchmarkAudit(b *testing.B) {
	for _, most := range []int{32, 128, 400} {
		b.Run(fmt.Sprintf("%d tokens", most), func(b *testing.B) {
			maker, judge := serve(b, model(b, nil)), serve(b, model(b, nil))
			var made, judged time.Duration
			tokens := 0
			for i := 0; b.Loop(); i++ {
				// Biased against the end, so that answers are as long as may be.
				q := asked(questions(i), map[string]any{"temperature": 1, "seed": i, "max_tokens": most, "logit_bias": map[string]float64{"2": -100}})
				began := time.Now()
				h, in := maker.answers(b, q)
				made += time.Since(began)
				c, ok := claimOf(q, h, in, 512)
				if !ok {
					b.Fatal("no claim")
				}
				began = time.Now()
				tokens += len(judge.replays(b, c).Tokens)
				judged += time.Since(began)
			}
			b.ReportMetric(float64(tokens)/float64(b.N), "tokens/op")
			b.ReportMetric(float64(made.Microseconds())/float64(tokens), "made-us/token")
			b.ReportMetric(float64(judged.Microseconds())/float64(tokens), "judged-us/token")
			b.ReportMetric(float64(judged)/float64(made)*100, "audit-%")
		})
	}
}
