package main

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/wire"
)

func verifierCmd(a *app) *cobra.Command {
	return group("verifier", "profiles: how much honest results differ, measured and signed",
		verifierCalibrateCmd(a), verifierCollectCmd(a), verifierListCmd(a), verifierShowCmd(a), verifierAddCmd(a))
}

func verifierListCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the profiles that this node keeps",
		Example: "  infernet verifier list",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			all, err := c.Profiles(cmd.Context())
			if err != nil {
				return err
			}
			return a.emit(all, func() {
				rows := make([][]string, 0, len(all))
				for _, p := range all {
					rows = append(rows, []string{
						foreign(p.CID), foreign(p.Comparator), shortID(p.Model), foreign(p.Class), strconv.Itoa(p.Samples), percent(p.FalseRate), short(p.Author),
					})
				}
				a.table("CID COMPARE MODEL CLASS SAMPLES FALSE_ALARMS BY", rows)
				if len(rows) == 0 {
					a.sayf("none: infernet verifier calibrate measures one; without one the comparators' defaults hold")
				}
			})
		},
	}
}

func verifierShowCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show CID", Short: "show a profile: what it was measured with, and its thresholds",
		Long: `Show a verifier profile, which is fetched from other nodes when it is not here. The signature
is checked; whether you trust its author is yours to say: who makes thresholds wide lets
cheaters through, who makes them narrow has the honest blamed.`,
		Example: "  infernet verifier show bafkrei…",
		Args:    args(1, 1, "one CID"),
		RunE: func(cmd *cobra.Command, given []string) error {
			if !strings.HasPrefix(given[0], "baf") {
				return failf(exitUsage, "infernet verifier list shows those of profiles that are kept; verifier add takes a FILE", "%s is no CID of a profile", foreign(given[0]))
			}
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			p, err := c.Profile(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			return a.emit(p, func() { a.showProfile(p) })
		},
	}
}

func verifierAddCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "add FILE", Short: "keep a signed profile that somebody gave you",
		Example: "  infernet verifier add profile.json",
		Args:    args(1, 1, "one FILE"),
		RunE: func(cmd *cobra.Command, given []string) error {
			raw, err := readBounded(given[0], wire.MaxEvent)
			if err != nil {
				return err
			}
			return a.addProfile(cmd, raw)
		},
	}
}

// addProfile hands a signed profile to the node and tells what it is.
func (a *app) addProfile(cmd *cobra.Command, event []byte) error {
	c, err := a.client(cmd.Context())
	if err != nil {
		return err
	}
	p, err := c.AddProfile(cmd.Context(), event)
	if err != nil {
		return err
	}
	return a.emit(p, func() {
		a.showProfile(p)
		a.sayf("jobs use it with verify: {compare: %s, profile: %s}", foreign(p.Comparator), foreign(p.CID))
	})
}

func (a *app) showProfile(p api.Profile) {
	a.printf("profile  %s", foreign(p.CID))
	a.printf("signed   %s by %s", p.At.UTC().Format("2006-01-02 15:04"), foreign(p.Author))
	a.printf("compare  %s", foreign(p.Comparator))
	a.printf("for      model %s, image %s, class %s", anyText(p.Model), anyDigest(p.Image), anyText(p.Class))
	a.printf("measured on %d honest comparisons: at most %s of honest results are called wrong", p.Samples, percent(p.FalseRate))
	for _, name := range slices.Sorted(maps.Keys(p.Thresholds)) {
		a.printf("  %-14s %s", foreign(name), foreign(p.Thresholds[name]))
	}
}

func anyText(s string) string {
	if s == "" {
		return "any"
	}
	return foreign(s)
}

func anyDigest(s string) string {
	if s == "" {
		return "any"
	}
	return digestText(s)
}
