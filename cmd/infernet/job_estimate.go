package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func jobEstimateCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "estimate FILE", Short: "tell what a job would cost, how long it takes and how sure its result is",
		Long: `Ask providers for quotes and tell, before anything is spent: what the job would cost, how
long it would take, how much of that is checking, and how likely it is that a wrong result
slips through, with what that assumes of providers. Nothing is sent but the questions, and
nothing is reserved: prices can change until the job is submitted. FILE "-" reads stdin.`,
		Example: "  infernet job estimate job.yaml\n  infernet job estimate job.yaml --json",
		Args:    args(1, 1, "one FILE"),
		RunE: func(cmd *cobra.Command, given []string) error {
			req, err := a.readSpec(given[0])
			if err != nil {
				return err
			}
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			e, err := c.Estimate(cmd.Context(), req)
			if err != nil {
				return err
			}
			if err := a.emit(e, func() { a.showEstimate(e) }); err != nil || e.Candidates > 0 {
				return err
			}
			if e.Reason != "" {
				a.sayf("infernet: nobody does it for that: %s", words(e.Reason))
				a.sayf("hint: %s", wholeWords(e.Hint))
				return told{exitNoProvider}
			}
			a.sayf("infernet: nobody could do it now")
			a.sayf("hint: infernet provider list shows who is there; what is said of each above tells what to change")
			return told{exitNoProvider}
		},
	}
}

func (a *app) showEstimate(e api.Estimate) {
	a.printf("job       %s: %d shards, %d providers match", foreign(e.Name), e.Shards, e.Candidates)
	a.printf("checked   %s", verifyText(e.Verify))
	if e.Candidates > 0 {
		a.showCosts(e)
	}
	for _, n := range e.Notes {
		a.printf("note      %s", words(n))
	}
	for _, d := range e.Dropped {
		line := fmt.Sprintf("not used %s: %s", short(d.NPub), words(d.Reason))
		if d.Fix != "" {
			line += " (" + words(d.Fix) + ")"
		}
		a.sayf("%s", line)
	}
	if e.Candidates == 0 {
		return
	}
	a.sayf("nothing was spent; infernet job run FILE runs it")
}

// showCosts tells what the job takes, and how sure it would be.
func (a *app) showCosts(e api.Estimate) {
	between := ""
	if e.Cost.Low < e.Cost.High {
		between = fmt.Sprintf(", between %s and %s", inUnit(e.Cost.Low, e.Cost.Unit), inUnit(e.Cost.High, e.Cost.Unit))
	}
	a.printf("cost      %s expected%s", inUnit(e.Cost.Expected, e.Cost.Unit), between)
	usual := lasts(e.TimeMS.Expected) + " expected"
	if e.TimeMS.Expected <= 0 {
		usual = "not known yet"
	}
	a.printf("time      %s, up to %s", usual, lasts(e.TimeMS.High))
	a.printf("overhead  %.1f%% more executions than shards", 100*e.Overhead)
	a.printf("risk      %s that a result that is wrong is accepted", percent(e.Slip.Wrong))
	if e.Slip.Cheaters > 0 {
		a.printf("          %s that any of the %d shards ends up wrong, %s for each,", percent(e.Slip.Any), e.Shards, percent(e.Slip.Shard))
		a.printf("          if %s of the providers send wrong results %s of the time", percent(e.Slip.Cheaters), percent(e.Slip.Cheats))
	}
}

// percent writes a share for people: few digits, and never 0 for what can happen.
func percent(share float64) string {
	p := 100 * share
	switch {
	case p <= 0:
		return "0%"
	case p >= 10:
		return fmt.Sprintf("%.0f%%", p)
	case p >= 0.01:
		return fmt.Sprintf("%.2g%%", p)
	}
	return "under 0.01%"
}

// lasts is a time in milliseconds for people.
func lasts(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
