package node_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// hurried is restartSpec with less time for some of it.
func hurried(timeouts string) string {
	return strings.Replace(restartSpec, "shard: 2m, fetch: 1m", timeouts, 1)
}

// lie is one way to be dishonest and what is told of it.
type lie struct {
	script nodetest.Script
	codes  []string      // one of them is the reason of each attempt
	within time.Duration // the machine's own patience
	spec   string        // of the job; "" is restartSpec
}

// held fails the test when a job took longer than a lie may hold it up, beside a
// few times what an honest job takes on a machine as busy as this one is.
func (l lie) held(t *testing.T, took, usual time.Duration) {
	t.Helper()
	if limit := l.within + 5*usual; took > limit {
		t.Errorf("the job took %v, at most %v were needed; an honest one takes %v", took, limit, usual)
	}
}

// lies are told among two honest providers, to a job that wants every shard
// twice.
func lies() map[string]lie {
	all := wrongAnswers()
	maps.Copy(all, wrongResults())
	return all
}

// wrongResults are right in form and wrong in what they say of the result.
func wrongResults() map[string]lie {
	return map[string]lie{
		"a reveal that does not open the commit": {
			script: nodetest.Script{Reveal: func(l *nodetest.Liar, s *p2p.Stream, w *nodetest.Work) error {
				r := w.Reveal()
				r.Nonce = wire.RandomID()
				_, err := l.Say(s, r)
				return err
			}},
			codes: []string{"wrong_reveal"}, within: 20 * time.Second,
		},
		"a reveal of another size than committed to": {
			script: nodetest.Script{Reveal: func(l *nodetest.Liar, s *p2p.Stream, w *nodetest.Work) error {
				r := w.Reveal()
				r.Size++
				_, err := l.Say(s, r)
				return err
			}},
			codes: []string{"wrong_size"}, within: 20 * time.Second,
		},
		"a result of another size than committed to": {
			script: nodetest.Script{Accept: func(ctx context.Context, l *nodetest.Liar, s *p2p.Stream, w *nodetest.Work) error {
				if err := l.Do(ctx, w); err != nil {
					return err
				}
				w.Size++
				return l.Bind(s, w, l.Promise(w))
			}},
			codes: []string{"wrong_size"}, within: 20 * time.Second,
		},
		"a commit to other work than was given": {
			script: nodetest.Script{Accept: func(ctx context.Context, l *nodetest.Liar, s *p2p.Stream, w *nodetest.Work) error {
				if err := l.Do(ctx, w); err != nil {
					return err
				}
				c := l.Promise(w)
				c.Units += 7
				return l.Bind(s, w, c)
			}},
			codes: []string{"wrong_units"}, within: 20 * time.Second,
		},
		"bytes that never come": {
			script: nodetest.Script{Accept: other, Blob: func(ctx context.Context, _ *nodetest.Liar, _ *p2p.Stream) error {
				<-ctx.Done()
				return ctx.Err()
			}},
			spec: hurried("shard: 2m, fetch: 5s"), codes: []string{"not_fetched"}, within: 40 * time.Second,
		},
		"bad bytes": {
			script: nodetest.Script{Accept: other, Blob: func(ctx context.Context, l *nodetest.Liar, s *p2p.Stream) error {
				return l.Serve(ctx, struct {
					io.Reader
					io.Writer
				}{s, flipping{s}})
			}},
			// Whoever sends bad blocks is soon refused: what it has not revealed
			// by then it cannot reveal any more.
			codes: []string{"not_fetched", "no_reveal: no reveal: peer is refused"}, within: 25 * time.Second,
		},
	}
}

// wrongAnswers are none that the protocol knows.
func wrongAnswers() map[string]lie {
	return map[string]lie{
		"a commit signed by another key": {
			script: nodetest.Script{Accept: func(ctx context.Context, l *nodetest.Liar, s *p2p.Stream, w *nodetest.Work) error {
				if err := l.Do(ctx, w); err != nil {
					return err
				}
				other, err := identity.Generate()
				if err != nil {
					return err
				}
				ev, err := wire.Seal(other, l.Promise(w), time.Now())
				if err != nil {
					return err
				}
				return wire.WriteEvent(s, ev)
			}},
			codes: []string{"protocol"}, within: 20 * time.Second,
		},
		"garbage": {
			script: nodetest.Script{Accept: func(_ context.Context, _ *nodetest.Liar, s *p2p.Stream, _ *nodetest.Work) error {
				_, err := s.Write(append(binary.AppendUvarint(nil, 64), strings.Repeat("x", 64)...))
				return err
			}},
			codes: []string{"protocol"}, within: 20 * time.Second,
		},
		"a document without end": {
			script: nodetest.Script{Accept: func(_ context.Context, _ *nodetest.Liar, s *p2p.Stream, _ *nodetest.Work) error {
				_, err := s.Write(binary.AppendUvarint(nil, 1<<63))
				return err
			}},
			codes: []string{"protocol"}, within: 20 * time.Second,
		},
		"a commit for another attempt": {
			script: nodetest.Script{Accept: func(ctx context.Context, l *nodetest.Liar, s *p2p.Stream, w *nodetest.Work) error {
				c := l.Promise(w)
				c.Shard++
				_, err := l.Say(s, c)
				return err
			}},
			codes: []string{"protocol"}, within: 20 * time.Second,
		},
		"a reveal refused": {
			script: nodetest.Script{Reveal: func(l *nodetest.Liar, s *p2p.Stream, _ *nodetest.Work) error {
				_, err := l.Say(s, wire.Error{Code: "internal", Text: "never mind"})
				return err
			}},
			codes: []string{"no_reveal"}, within: 20 * time.Second,
		},
	}
}

// other commits to a result that nobody else has, so that it must be fetched.
func other(ctx context.Context, l *nodetest.Liar, s *p2p.Stream, w *nodetest.Work) error {
	if err := l.Invent(ctx, w); err != nil {
		return err
	}
	return l.Bind(s, w, l.Promise(w))
}

// flipping changes a byte in the midst of everything longer than a header.
type flipping struct{ io.Writer }

func (f flipping) Write(p []byte) (int, error) {
	q := slices.Clone(p)
	if len(q) > 8 {
		q[len(q)/2] ^= 1
	}
	return f.Writer.Write(q)
}

// Whatever a provider says, the job ends with the right result by the others,
// the liar is not paid, and the owner can read why.
func TestLiars(t *testing.T) {
	t.Parallel()
	for name, lie := range lies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := nodetest.New(t)
			for i := range 2 {
				c.Add(fmt.Sprintf("provider%d", i), node.RoleProvider)
			}
			client := c.Add("client", node.RoleClient)
			dir, file := nodetest.Lines(t, 20)
			spec := cmp.Or(lie.spec, restartSpec)
			usual := honest(t, client, spec, dir, file)
			liar := c.Liar(lie.script)
			// Who is asked is drawn: the liar may be left out of a small job, and what
			// it was asked for may be there from others before it has lied.
			nodetest.Predicate(t, 18*time.Second, "a lie was told", func() bool {
				began := time.Now()
				j := client.Run(fmt.Sprintf(spec, "lied-to", nodetest.Image(t), file), dir)
				lie.held(t, time.Since(began), usual)
				rightResult(t, j, dir, file)
				unpaid(t, client, j, liar.NPub())
				told := reasonTold(t, client, j, liar.NPub(), lie.codes)
				if !told {
					notWaitedFor(t, client, j, liar)
				}
				return told
			})
			sameBooks(t, c, client)
		})
	}
}

// honest runs a job where nobody lies and returns how long that takes.
func honest(t *testing.T, client *nodetest.Member, spec, dir, file string) time.Duration {
	t.Helper()
	began := time.Now()
	j := client.Run(fmt.Sprintf(spec, "honest", nodetest.Image(t), file), dir)
	took := time.Since(began)
	rightResult(t, j, dir, file)
	return took
}

// A provider that says nothing, or answers too late, holds a job up for as
// long as the machine waits and no longer.
func TestLateAndSilent(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]lie{
		"never answers": {
			script: nodetest.Script{Accept: func(ctx context.Context, _ *nodetest.Liar, _ *p2p.Stream, _ *nodetest.Work) error {
				<-ctx.Done()
				return ctx.Err()
			}},
			// 20 s for an offer, and 20 s more for a provider that is silent.
			codes: []string{"never", "unreachable"}, within: 45 * time.Second,
		},
		"answers late": {
			script: nodetest.Script{Accept: func(ctx context.Context, l *nodetest.Liar, s *p2p.Stream, w *nodetest.Work) error {
				a := w.Accept
				if _, err := l.Say(s, wire.Progress{Job: a.Job, Shard: a.Shard, Attempt: a.Attempt, State: wire.StateRunning}); err != nil {
					return err
				}
				if err := l.Do(ctx, w); err != nil {
					return err
				}
				// shard 1 s and 5 s for the commit to come
				t := time.NewTimer(7 * time.Second)
				defer t.Stop()
				select {
				case <-t.C:
				case <-ctx.Done():
				}
				return l.Bind(s, w, l.Promise(w))
			}},
			codes: []string{"late"}, within: 25 * time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, file := nodetest.Lines(t, 5)
			spec := strings.Replace(hurried("shard: 1s, fetch: 2s"), "{mode: quorum, replicas: 2, agree: 2, compare: exact}", "{mode: none}", 1)
			other := nodetest.New(t)
			other.Add("provider", node.RoleProvider)
			usual := honest(t, other.Add("client", node.RoleClient), spec, dir, file)
			c := nodetest.New(t)
			liar := c.Liar(lie.script)
			client := c.Add("client", node.RoleClient)
			began := time.Now()
			j, err := client.API().Submit(t.Context(), api.SubmitRequest{
				Spec: fmt.Sprintf(spec, "held-up", nodetest.Image(t), file), Dir: dir,
			})
			if err != nil {
				t.Fatal(err)
			}
			// Only then is there somebody else: the liar has the shard.
			<-liar.Asked()
			c.Add("honest", node.RoleProvider)
			j = client.Wait(j.ID)
			lie.held(t, time.Since(began), usual)
			rightResult(t, j, dir, file)
			unpaid(t, client, j, liar.NPub())
			if !reasonTold(t, client, j, liar.NPub(), lie.codes) {
				t.Error("no reason is told")
			}
		})
	}
}

// A commit that is another's: whoever says it second is refused, whoever made
// it is paid.
func TestCopiedCommit(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	made, copied := make(chan wire.Commit, 64), make(chan wire.Commit, 64)
	victim := c.Liar(nodetest.Script{Accept: func(ctx context.Context, l *nodetest.Liar, s *p2p.Stream, w *nodetest.Work) error {
		err := l.Commit(ctx, s, w)
		made <- l.Promise(w)
		return err
	}})
	copier := c.Liar(nodetest.Script{Accept: func(ctx context.Context, l *nodetest.Liar, s *p2p.Stream, w *nodetest.Work) error {
		alive := time.NewTicker(2 * time.Second) // who says nothing for long is given up
		defer alive.Stop()
		for a := w.Accept; ; {
			if _, err := l.Say(s, wire.Progress{Job: a.Job, Shard: a.Shard, Attempt: a.Attempt, State: wire.StateRunning}); err != nil {
				return err
			}
			select {
			case theirs := <-copied:
				theirs.Shard, theirs.Attempt, theirs.Units = a.Shard, a.Attempt, a.Units
				return l.Bind(s, w, theirs)
			case <-alive.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}})
	client := c.Add("client", node.RoleClient)
	dir, file := nodetest.Lines(t, 5)
	j, err := client.API().Submit(t.Context(), api.SubmitRequest{
		Spec: fmt.Sprintf(restartSpec, "copied", nodetest.Image(t), file), Dir: dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	<-copier.Asked()
	c.Add("honest", node.RoleProvider)
	// A commit can be copied only once somebody has seen it.
	nodetest.Predicate(t, 10*time.Second, "a commit is in", func() bool {
		return strings.Contains(client.History(j.ID), "-> committed")
	})
	copied <- <-made
	j = client.Wait(j.ID)
	if j.State != "done" {
		t.Log(client.History(j.ID))
	}
	rightResult(t, j, dir, file)
	unpaid(t, client, j, copier.NPub())
	if !reasonTold(t, client, j, copier.NPub(), []string{"copied_commit"}) {
		t.Error("no reason is told")
	}
	if paidTo(t, client, victim.NPub()) == 0 {
		t.Error("the provider whose commit was copied is not paid")
	}
}

// rightResult holds the job's result against its input in capitals.
func rightResult(t *testing.T, j api.Job, dir, file string) {
	t.Helper()
	if j.State != "done" {
		t.Fatalf("job is %s: %s %s", j.State, j.Reason, j.Hint)
	}
	got, err := os.ReadFile(j.Result.Path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.ReadFile(dir + "/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.ToUpper(string(in)); string(got) != want {
		t.Errorf("result is %d bytes, want %d: %.80q", len(got), len(want), got)
	}
}

// unpaid holds that neither the job nor the client's books know of money for a
// provider.
func unpaid(t *testing.T, client *nodetest.Member, j api.Job, npub string) {
	t.Helper()
	for _, p := range j.Providers {
		if p.NPub == npub && p.Paid != 0 {
			t.Errorf("by the job the liar got %d", p.Paid)
		}
	}
	if got := paidTo(t, client, npub); got != 0 {
		t.Errorf("by the books the liar got %d", got)
	}
}

func paidTo(t *testing.T, client *nodetest.Member, npub string) uint64 {
	t.Helper()
	balances, err := client.API().Balances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range balances {
		if b.Peer == npub {
			return b.Paid
		}
	}
	return 0
}

// reasonTold holds that each line on the provider gives one of the codes, or that
// it was not waited for, and tells whether there is one with a code.
func reasonTold(t *testing.T, client *nodetest.Member, j api.Job, npub string, codes []string) bool {
	t.Helper()
	why, err := client.API().Explain(t.Context(), j.ID)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, d := range why.Dropped {
		if d.NPub != npub {
			continue
		}
		if !strings.HasPrefix(d.Reason, "attempt ") {
			continue // why it was not asked again
		}
		if strings.Contains(d.Reason, ": superseded: ") {
			continue
		}
		told++
		if !slices.ContainsFunc(codes, func(code string) bool { return strings.Contains(d.Reason, ": "+code+": ") }) {
			t.Errorf("reason %q, want one of %v", d.Reason, codes)
		}
	}
	return told > 0
}

// notWaitedFor holds that each attempt of a liar of which no reason is told was
// cancelled: the job did without it before its lie was seen.
func notWaitedFor(t *testing.T, client *nodetest.Member, j api.Job, l *nodetest.Liar) {
	t.Helper()
	why, err := client.API().Explain(t.Context(), j.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range l.Works() {
		if w.Accept.Job.String() != j.ID {
			continue
		}
		attempt := fmt.Sprintf("attempt %d/%d: ", w.Accept.Shard, w.Accept.Attempt)
		if !slices.ContainsFunc(why.History, func(n api.Note) bool {
			return strings.HasPrefix(n.Text, attempt) && strings.Contains(n.Text, "-> cancelled")
		}) {
			t.Errorf("nothing is told of what the liar said: %s", attempt)
			t.Log(client.History(j.ID))
		}
	}
}
