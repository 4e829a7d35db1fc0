package bench

import (
	"strings"
	"time"

	"infernet.tech/infernet/node/api"
)

// steps cut a job's life at its transitions: a phase ends where its subject
// reaches the state. The order is that of a job that goes well.
var steps = []struct{ name, what, subject, state string }{
	{"submit", "resolve image and input, cut, store, answer", "", ""},
	{"match", "look for providers, ask for quotes", "job", "dispatched"},
	{"dispatch", "accept, fetch the input, say that it runs", "shard", "running"},
	{"container", "create, run and remove it; store the result, commit", "shard", "committed"},
	{"reveal", "ask for the reveal", "attempt", "revealed"},
	{"fetch", "bring the result here, verified", "attempt", "fetched"},
	{"verify", "compare", "shard", "verified"},
	{"settle", "verdict, payment, receipts of both sides", "shard", "paid"},
	{"merge", "join the results, write them down", "job", "done"},
	{"news", "until the client knows", "", ""},
}

// phases collects the lengths of the steps of many jobs.
type phases struct {
	took [][]float64
}

// add takes one job. Times are the client node's, in milliseconds, and those
// of this process beside it: both are one machine's clock.
func (p *phases) add(began, submitted, known time.Time, history []api.Note) {
	if p.took == nil {
		p.took = make([][]float64, len(steps))
	}
	last := float64(began.UnixMicro()) / 1000
	for i, s := range steps {
		at := last
		switch s.name {
		case "submit":
			at = float64(submitted.UnixMicro()) / 1000
		case "news":
			at = float64(known.UnixMicro()) / 1000
		default:
			for _, note := range history {
				subject, change, _ := strings.Cut(note.Text, ": ")
				_, to, _ := strings.Cut(change, " -> ")
				to, _, _ = strings.Cut(to, " ")
				if strings.HasPrefix(subject, s.subject) && to == s.state {
					at = float64(note.AtMS)
				}
			}
		}
		p.took[i] = append(p.took[i], max(0, at-last))
		last = max(last, at)
	}
}

func (p *phases) list() []Phase {
	var out []Phase
	for i, s := range steps {
		if p.took != nil {
			out = append(out, Phase{Name: s.name, What: s.what, Took: summarise(p.took[i])})
		}
	}
	return out
}
