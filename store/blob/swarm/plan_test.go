package swarm

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// crowd draws sources with any speed, delay and holdings; the first is whole
// and stays, so that the file can be had.
func crowd(t *rapid.T, blocks uint64) (peers []*peer) {
	for i := range rapid.IntRange(1, 7).Draw(t, "sources") {
		p := &peer{
			name:  fmt.Sprintf("s%d", i),
			pace:  rapid.Float64Range(1, 500).Draw(t, "pace"),
			delay: time.Duration(rapid.IntRange(0, 300).Draw(t, "delay")) * time.Millisecond,
		}
		if i > 0 && rapid.Bool().Draw(t, "partial") {
			p.have = drawSpans(t, blocks)
		}
		peers = append(peers, p)
	}
	return peers
}

func drawSpans(t *rapid.T, blocks uint64) []Span {
	out := []Span{}
	for range rapid.IntRange(0, 6).Draw(t, "spans") {
		from := rapid.Uint64Range(0, blocks).Draw(t, "from")
		out = append(out, Span{from, from + rapid.Uint64Range(0, blocks/2+1).Draw(t, "len")})
	}
	return out
}

func TestEveryBlockComesOnceWhoeverFails(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		blocks := rapid.Uint64Range(0, 400).Draw(t, "blocks")
		held := drawSpans(t, blocks)
		cfg := Config{
			Target: time.Duration(rapid.IntRange(20, 2000).Draw(t, "target")) * time.Millisecond,
			Min:    rapid.Uint64Range(1, 8).Draw(t, "min"),
			Max:    rapid.Uint64Range(8, 100).Draw(t, "max"),
			AtOnce: rapid.IntRange(1, 6).Draw(t, "at once"),
			Start:  rapid.Uint64().Draw(t, "start"),
		}
		w := newWorld(t, blocks, held, cfg, crowd(t, blocks)...)
		for range rapid.IntRange(0, 12).Draw(t, "faults") {
			p := w.sources[rapid.SampledFrom(w.names).Draw(t, "whom")]
			what := rapid.SampledFrom([]string{"lose", "ban", "stall", "have"}).Draw(t, "what")
			have := drawSpans(t, blocks)
			back := time.Duration(rapid.IntRange(0, 2000).Draw(t, "back")) * time.Millisecond
			w.after(time.Duration(rapid.IntRange(0, 4000).Draw(t, "when"))*time.Millisecond, func() {
				w.fault(p, what, have, back)
			})
		}
		w.run(2 * time.Hour)
		here := newSet(held, blocks)
		for b := range blocks {
			want := 1
			if here.has(b) {
				want = 0
			}
			if w.fresh[b] != want {
				t.Fatalf("block %d came %d times, not %d", b, w.fresh[b], want)
			}
		}
	})
}

// fault does harm; s0 only ever loses its connection, or is still for a while.
func (w *world) fault(p *peer, what string, have []Span, back time.Duration) {
	switch {
	case what == "lose":
		w.lose(p)
		w.after(back, func() {
			if s := w.plan.sources[p.name]; !p.on && s.state == lost {
				w.join(p)
			}
		})
	case what == "stall":
		p.stalled = true
		w.after(back, func() { p.stalled = false; w.serve(p) })
	case p.name == "s0":
	case what == "ban":
		w.ban(p)
	case what == "have" && p.have != nil:
		// Holdings only grow, as those of a source that downloads itself do.
		p.have = append(slices.Clone(p.have), have...)
		w.plan.Have(p.name, p.have)
	}
}

func TestSpeedIsTheSumOfTheSpeeds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var peers []*peer
		sum := 0.0
		for i := range rapid.IntRange(1, 6).Draw(t, "sources") {
			p := &peer{
				name:  fmt.Sprintf("s%d", i),
				pace:  rapid.Float64Range(5, 120).Draw(t, "pace"),
				delay: time.Duration(rapid.IntRange(0, 40).Draw(t, "delay")) * time.Millisecond,
			}
			sum += p.pace
			peers = append(peers, p)
		}
		blocks := uint64(sum * 30)
		w := newWorld(t, blocks, nil, Config{}, peers...)
		took := w.run(time.Hour)
		if best := time.Duration(float64(blocks) / sum * float64(time.Second)); took > best*11/10 {
			t.Fatalf("took %v, the sources together need %v%s", took, best, w.describe())
		}
		if extra := w.sent - blocks; float64(extra) > 0.05*float64(blocks) {
			t.Fatalf("%d of %d blocks came twice", extra, blocks)
		}
	})
}

func TestSlowSourceDelaysTheEndByATargetAtMost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pace := rapid.Float64Range(20, 500).Draw(t, "pace")
		blocks := rapid.Uint64Range(1, 3000).Draw(t, "blocks")
		alone := newWorld(t, blocks, nil, Config{}, &peer{name: "fast", pace: pace}).run(time.Hour)
		slow := &peer{name: "slow", pace: pace / 100, delay: time.Duration(rapid.IntRange(0, 500).Draw(t, "delay")) * time.Millisecond}
		peers := []*peer{slow, {name: "fast", pace: pace}}
		if rapid.Bool().Draw(t, "fast first") {
			slices.Reverse(peers)
		}
		both := newWorld(t, blocks, nil, Config{}, peers...).run(time.Hour)
		if both > alone+time.Second {
			t.Fatalf("%v with a slow source beside, %v without", both, alone)
		}
	})
}

func TestSourceThatNeverAnswersCostsLittle(t *testing.T) {
	t.Parallel()
	for _, thieves := range []int{1, 8, 30} {
		peers := []*peer{}
		for i := range thieves {
			peers = append(peers, &peer{name: fmt.Sprint("thief", i), pace: 1, stalled: true})
		}
		peers = append(peers, &peer{name: "honest", pace: 100})
		w := newWorld(t, 1000, nil, Config{}, peers...)
		took := w.run(time.Hour)
		t.Logf("%d thieves: %v, 10 s without", thieves, took)
		if took > 12*time.Second {
			t.Errorf("%v with %d sources that never answer", took, thieves)
		}
	}
}

func TestSourceThatStallsHalfWay(t *testing.T) {
	t.Parallel()
	a, b := &peer{name: "a", pace: 100}, &peer{name: "b", pace: 100}
	w := newWorld(t, 2000, nil, Config{}, a, b)
	w.after(5*time.Second, func() { a.stalled = true })
	took := w.run(time.Hour)
	t.Logf("took %v", took)
	if took > 17*time.Second {
		t.Errorf("took %v; 5 s together and 10 s alone are needed", took)
	}
}

func TestLateSourceTakesItsPart(t *testing.T) {
	t.Parallel()
	late := &peer{name: "late", pace: 1000}
	w := newWorld(t, 400, nil, Config{Max: 400, Min: 400}, &peer{name: "slow", pace: 10})
	w.sources["late"], w.names = late, append(w.names, "late")
	w.after(2*time.Second, func() { w.join(late) })
	took := w.run(time.Hour)
	t.Logf("took %v", took)
	if took > 4*time.Second {
		t.Errorf("took %v though a fast source came after 2 s", took)
	}
}

func TestRareBlocksFirst(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := New(100, nil, Config{Min: 10, Max: 10})
	p.Join("partial", []Span{{0, 50}}, now)
	p.Join("other", []Span{{50, 80}}, now)
	p.Join("whole", nil, now)
	if r, ok := p.Next("whole", now); !ok || r.Span != (Span{80, 90}) {
		t.Errorf("the source that has all is asked for %v first, which others have too", r)
	}
}

func TestStartSpreadsThoseWhoFetchTheSame(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := New(100, nil, Config{Min: 60, Max: 60, Start: 70})
	p.Join("s", nil, now)
	for _, want := range []Span{{70, 100}, {0, 60}} {
		if r, ok := p.Next("s", now); !ok || r.Span != want {
			t.Errorf("asked for %v, not %v", r, want)
		}
	}
}

func TestWhatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := New(10, []Span{{5, 3}, {9, ^uint64(0)}}, Config{})
	p.Have("nobody", nil)
	p.Lost("nobody", now)
	p.Ban("nobody")
	p.Ended("nobody", 1, now)
	if len(p.Trims("nobody")) != 0 || p.Speed("nobody", now) != 0 {
		t.Error("something is known of a source that never came")
	}
	if _, ok := p.Next("nobody", now); ok {
		t.Error("a source that never came is asked")
	}
	if p.Got("nobody", 10, 1, now) || p.Got("nobody", ^uint64(0), 1, now) || p.Got("nobody", 9, 1, now) {
		t.Error("a block that is not missing is fresh")
	}
	if !p.Got("nobody", 4, 1, now) || p.Got("nobody", 4, 1, now) {
		t.Error("a missing block is fresh once")
	}
	if want := []Span{{0, 4}, {5, 9}}; !slices.Equal(p.Missing(), want) {
		t.Errorf("missing %v, not %v", p.Missing(), want)
	}
	p.Ban("liar")
	p.Join("liar", nil, now)
	p.Join("s", nil, now)
	p.Ban("s")
	p.Join("s", nil, now)
	if _, ok := p.Next("s", now); ok {
		t.Error("a banned source is asked again")
	}
}

func TestSpeedTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1000, nil, Config{}, &peer{name: "s", pace: 100})
	w.run(time.Hour)
	if speed := w.plan.Speed("s", w.now) / (1 << 20); speed < 90 || speed > 110 {
		t.Errorf("%.1f blocks a second are told, 100 came", speed)
	}
	if speed := w.plan.Speed("s", w.now.Add(time.Minute)); speed > 1 {
		t.Errorf("a source that sent nothing for a minute has %.1f B/s", speed)
	}
}

// BenchmarkBlock is what one block of a very large file costs in the plan.
func BenchmarkBlock(b *testing.B) {
	const blocks, sources = 10_000_000, 16
	now := time.Unix(0, 0)
	p := New(blocks, nil, Config{})
	queues := make([][]Request, sources)
	for i := range sources {
		p.Join(fmt.Sprint(i), nil, now)
	}
	for b.Loop() {
		if p.Finished() {
			b.StopTimer()
			p = New(blocks, nil, Config{})
			for i := range sources {
				p.Join(fmt.Sprint(i), nil, now)
				queues[i] = nil
			}
			b.StartTimer()
		}
		now = now.Add(time.Millisecond)
		for i, q := range queues {
			name := strconv.Itoa(i)
			for len(q) == 0 {
				r, ok := p.Next(name, now)
				if !ok {
					break
				}
				q = append(q, r)
			}
			if len(q) > 0 {
				p.Got(name, q[0].From, 1<<20, now)
				if q[0].From++; q[0].Len() == 0 {
					q = q[1:]
				}
			}
			queues[i] = q
		}
	}
}
