package main

import (
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func leaseAuditsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "audits", Short: "tell how many answers were replayed by others, and what came of it",
		Long: `Tell what the audits of answers did since the node's start. A lottery draws answers, which
another provider of the same model replays for a tenth of the price or less; only when a
second one, independent of the first, finds the same is anybody blamed. What could not be
judged is nobody's fault.`,
		Example: "  infernet lease audits",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			s, err := c.Audits(cmd.Context())
			if err != nil {
				return err
			}
			return a.emit(s, func() {
				a.printf("drawn      %d answers, of which %d could not be audited in time or for the money", s.Drawn, s.Dropped)
				a.printf("replayed   %d times, %d tokens", s.Replayed, s.Tokens)
				a.printf("found      %d right, %d inconclusive", s.Passed, s.Inconclusive)
				a.printf("suspected  %d, confirmed by a second auditor %d", s.Suspected, s.Confirmed)
				a.printf("spent      %s in the last hour", human(api.Amount{Amount: s.Spent, Unit: s.Unit}))
			})
		},
	}
}

func leaseEvidenceCmd(a *app) *cobra.Command {
	var dest string
	c := &cobra.Command{
		Use: "evidence ID", Short: "show why the provider of a lease was found to cheat",
		Long: `Show what was found about the provider of a lease: who replayed its answers, independent of
each other, and what they saw. --out writes all of it: the claims, the texts, and how likely
the promised model holds each token.`,
		Example: "  infernet lease evidence ID\n  infernet lease evidence ID --out evidence.json",
		Args:    args(1, 1, "one ID"),
		RunE: func(cmd *cobra.Command, given []string) error {
			out, err := a.destination(dest)
			if err != nil {
				return err
			}
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			e, err := c.LeaseEvidence(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			if out != "" {
				if err := writeNew(out, append(tame(e.Proof), '\n')); err != nil {
					return err
				}
			}
			return a.emit(e, func() { a.showLeaseEvidence(e, out) })
		},
	}
	c.Flags().StringVar(&dest, "out", "", "write the evidence to this file, which must not exist")
	return c
}

func (a *app) showLeaseEvidence(e api.LeaseEvidence, out string) {
	a.printf("lease    %s", foreign(e.Lease))
	a.printf("provider %s", foreign(e.Provider))
	a.printf("model    %s, image %s, class %s", foreign(e.Model), anyDigest(e.Image), anyText(e.Class))
	a.printf("found    %s, over %d answers", e.At.UTC().Format("2006-01-02 15:04"), e.Answers)
	for _, f := range e.Findings {
		by := make([]string, 0, len(f.By))
		for _, npub := range f.By {
			by = append(by, short(npub))
		}
		a.printf("  %s by %s: %s", foreign(f.Answer), strings.Join(by, ", "), words(f.Why))
	}
	if out != "" {
		a.printf("written  %s", pathText(out))
	}
}
