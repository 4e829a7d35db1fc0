package main

import (
	"fmt"

	"github.com/schollz/progressbar/v3"

	"infernet.tech/infernet/node/api"
)

// progress shows how a job goes: a bar on a terminal, else a line whenever
// something worth one changed.
type progress struct {
	a     *app
	bar   *progressbar.ProgressBar
	state string
	last  api.ShardCounts
}

func (a *app) newProgress() *progress { return &progress{a: a} }

// event takes one event of the job's stream; it never fails.
func (p *progress) event(ev api.Event) error {
	if ev.Shards != nil {
		p.counts(*ev.Shards)
	}
	switch ev.Type {
	case api.EventState:
		if ev.State != p.state {
			p.state = ev.State
			p.say(ev.State, ev.Reason)
		}
	case api.EventNote:
		p.say(ev.Text, "")
	case api.EventEnd:
		p.close()
	case api.EventShard, api.EventProgress, api.EventLog, api.EventPing:
	}
	return nil
}

func (p *progress) say(text, reason string) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	if reason != "" {
		text += ": " + reason
	}
	p.a.sayf("  %s", words(text))
	if p.bar != nil {
		_ = p.bar.RenderBlank()
	}
}

func (p *progress) counts(s api.ShardCounts) {
	if s == p.last || s.Total == 0 {
		return
	}
	before := p.last
	p.last = s
	if !terminal(p.a.err) {
		// A tenth of the job, or something going wrong, is worth a line.
		step := max(1, s.Total/10)
		if s.OK/step != before.OK/step || s.Retried != before.Retried || s.Mismatched != before.Mismatched {
			p.a.sayf("  shards %s", countText(s))
		}
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions(s.Total,
			progressbar.OptionSetWriter(p.a.err),
			progressbar.OptionSetWidth(30),
			progressbar.OptionShowCount(),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(false),
		)
	}
	p.bar.Describe(troubleText(s))
	_ = p.bar.Set(s.OK)
}

func (p *progress) close() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}

func countText(s api.ShardCounts) string {
	return fmt.Sprintf("%d/%d, %s", s.OK, s.Total, troubleText(s))
}

func troubleText(s api.ShardCounts) string {
	return fmt.Sprintf("%d running, %d retried, %d found wrong", s.Running, s.Retried, s.Mismatched)
}
