package job

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestScripts runs testdata/*.txt; go test -rewrite writes what is seen.
func TestScripts(t *testing.T) {
	t.Parallel()
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		s := newSim(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.t = t
			s.out.Reset()
			s.command(t, d)
			if s.out.Len() == 0 {
				return "ok\n"
			}
			return s.out.String()
		})
	})
}

func (s *sim) command(t *testing.T, d *datadriven.TestData) {
	switch d.Cmd {
	case "providers":
		s.setProviders(t, d)
	case "rail":
		s.rail = d.CmdArgs[0].Key
	case "submit":
		var shards, replicas, agree, budget int
		budget = 1000
		d.ScanArgs(t, "shards", &shards)
		d.MaybeScanArgs(t, "replicas", &replicas)
		d.MaybeScanArgs(t, "agree", &agree)
		d.MaybeScanArgs(t, "budget", &budget)
		spec := testSpec(uint32(replicas), uint32(agree), uint64(budget))
		spec.Payment.Wait = d.HasArg("wait")
		if d.HasArg("mode") {
			var mode string
			d.ScanArgs(t, "mode", &mode)
			spec = modeSpec(mode, uint64(budget))
			spec.Verify.Rate = uint32(max(int(spec.Verify.Rate), argOr(t, d, "rate")))
		}
		e := withKnown(submitEvent(spec, shards), argOr(t, d, "canaries"), false)
		s.print(s.step(withKnown(e, argOr(t, d, "probes"), true)))
	case "run":
		limit := time.Hour
		if len(d.CmdArgs) > 0 {
			limit = duration(t, d.CmdArgs[0].Key)
		}
		s.run(limit)
		fmt.Fprintf(s.out, "%s after %s\n", s.j.State, s.now.Sub(epoch))
	case "tick":
		s.now = s.now.Add(duration(t, d.CmdArgs[0].Key))
		s.print(s.step(Tick{Now: s.now}))
	case "cancel":
		s.print(s.step(CancelRequested{Reason: "not wanted any more", Now: s.now}))
	case "restart":
		s.now = s.now.Add(duration(t, d.CmdArgs[0].Key))
		s.j, s.queue = jsonCopy(t, s.j), nil
		s.print(s.step(Resumed{Now: s.now}))
		for _, e := range s.j.Pending() {
			fmt.Fprintf(s.out, "pending %s\n", e.Key())
		}
	case "explain":
		for _, l := range Explain(s.j) {
			fmt.Fprintln(s.out, s.named(l))
		}
	case "summary":
		s.summary()
	default:
		ev := s.event(t, d)
		s.print(s.step(ev))
	}
}

// event reads a single event: commit 0/1, reveal 0/1, match, ….
func (s *sim) event(t *testing.T, d *datadriven.TestData) Event {
	if d.Cmd == "match" {
		return s.quotes()
	}
	if d.Cmd == "merged" {
		return Merged{CID: "merged", Now: s.now}
	}
	var sh, n uint32
	if _, err := fmt.Sscanf(d.CmdArgs[0].Key, "%d/%d", &sh, &n); err != nil {
		t.Fatal(err)
	}
	var a *actor
	if int(sh) < len(s.j.Shards) && int(n) < len(s.j.Shards[sh].Attempts) {
		a = s.by(s.j.Shards[sh].Attempts[n].Provider)
	} else {
		a = s.actor("a")
	}
	switch d.Cmd {
	case "progress":
		return Progressed{Shard: sh, Attempt: n, State: d.CmdArgs[1].Key, Now: s.now}
	case "commit":
		return s.stamped(s.commitOf(a, sh, n))
	case "reveal":
		return s.stamped(s.revealOf(a, sh, n))
	case "fetched":
		return Fetched{Shard: sh, Attempt: n, Root: s.rootOf(a, sh), Size: 50, Now: s.now}
	case "fail":
		return AttemptFailed{Shard: sh, Attempt: n, Code: d.CmdArgs[1].Key, Fault: len(d.CmdArgs) > 2, Now: s.now}
	case "settled":
		return Settled{Shard: sh, Attempt: n, PayRef: "ref", Now: s.now}
	}
	t.Fatalf("%s: no such command", d.Cmd)
	return nil
}

func (s *sim) print(effects []Effect, _ error) {
	for _, e := range effects {
		fmt.Fprintf(s.out, "> %s%s\n", e.Key(), s.detail(e))
	}
}

func (s *sim) detail(e Effect) string {
	switch e := e.(type) {
	case Dispatch:
		return fmt.Sprintf(" to %s for %s", s.by(e.Provider).name, e.Amount)
	case Settle:
		return fmt.Sprintf(" %s %s: %s", s.by(e.Provider).name, e.Verdict, e.Amount)
	case RequestReveal:
		return fmt.Sprintf(" after %d commits", len(e.Commits))
	}
	return ""
}

// setProviders reads a=x:slots:price:behaviour.
func (s *sim) setProviders(t *testing.T, d *datadriven.TestData) {
	for _, arg := range d.CmdArgs {
		a := s.actor(arg.Key)
		for i, v := range strings.Split(strings.Join(arg.Vals, ""), ":") {
			switch {
			case v == "":
			case i == 0:
				a.class = v
			case i == 1:
				a.slots = uint32(number(t, v))
			case i == 2:
				a.price = uint64(number(t, v))
			case i == 3:
				a.behaviour = strings.TrimPrefix(v, "honest")
			case v == "validator":
				a.validator = true
			case v == "trusted":
				a.trusted, a.validator = true, true
			case v == "new":
				a.fresh = true
			case strings.HasPrefix(v, "valid="):
				a.track.Valid = uint32(number(t, strings.TrimPrefix(v, "valid=")))
			default:
				a.apart = append(a.apart, v)
			}
		}
	}
}

func (s *sim) named(l string) string {
	for _, a := range s.actors {
		l = strings.ReplaceAll(l, a.key.String(), a.name)
	}
	return l
}

func (s *sim) summary() {
	sum := s.j.Summary()
	fmt.Fprintf(s.out, "shards %d ok %d rejected %d retried %d copies %d audited %d mismatched %d spent %s reserved %s\n", sum.Shards,
		sum.OK, sum.Rejected, sum.Retried, sum.Copies, sum.Audited, sum.Mismatched, sum.Spent, s.j.Reserved)
	var lines []string
	for _, p := range sum.Providers {
		lines = append(lines, fmt.Sprintf("%s ok %d bad %d failed %d cancelled %d paid %s excluded %v\n",
			s.by(p.Provider).name, p.OK, p.Bad, p.Failed, p.Cancelled, p.Paid, p.Excluded))
	}
	sort.Strings(lines)
	s.out.WriteString(strings.Join(lines, ""))
	for _, c := range sum.Cheaters {
		fmt.Fprintf(s.out, "caught %s in %d/%d: %s, %d documents against %d\n", s.by(c.Provider).name, c.Shard, c.Attempt, c.Reason.Code, len(c.Evidence), len(c.Against))
	}
}

func argOr(t *testing.T, d *datadriven.TestData, name string) (n int) {
	d.MaybeScanArgs(t, name, &n)
	return n
}

func duration(t *testing.T, v string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(v)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func number(t *testing.T, v string) int {
	t.Helper()
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
