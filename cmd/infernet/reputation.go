package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/identity"
)

func reputationCmd(a *app) *cobra.Command {
	return group("reputation", "what this node thinks of others, and why",
		reputationShowCmd(a), reputationExplainCmd(a), reputationListCmd(a), reputationFraudsCmd(a))
}

func reputationShowCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show NPUB", Short: "show a node's score and what it rests on",
		Long: `Show the score of a node: the lower bound of how likely it is to do what it promises, from
0 to 1. It rests on your own receipts; others' opinions add to it as far as money that you
paid, and that was earned, leads to them, and never more than half. Strangers have 0.`,
		Example: "  infernet reputation show npub1…\n  infernet reputation explain npub1…     each receipt with its weight",
		Args:    args(1, 1, "one NPUB"),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, npub, err := a.about(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			r, err := c.Reputation(cmd.Context(), npub)
			if err != nil {
				return err
			}
			return a.emit(r, func() {
				a.showReputation(r)
				if r.Explain != "" {
					a.printf("%s", r.Explain)
				}
			})
		},
	}
}

// about is the node to ask, and the npub of whom to ask about.
func (a *app) about(ctx context.Context, who string) (*api.Client, string, error) {
	key, err := identity.ParsePubKey(who)
	if err != nil {
		return nil, "", err
	}
	c, err := a.client(ctx)
	return c, key.String(), err
}

func (a *app) showReputation(r api.Reputation) {
	a.printf("%s", r.NPub)
	a.printf("score %.3f from %d receipts (%d good, %d bad)", r.Score, r.Receipts, r.Good, r.Bad)
	if r.Indirect > 0 {
		a.printf("own receipts alone give %.3f; others add a weight of %.2f", r.Direct, r.Indirect)
	}
	if r.Fraud {
		a.printf("proven fraud: the score stays 0 for half a year (infernet reputation frauds)")
	}
	if r.Caught && !r.Fraud {
		a.printf("caught: its record is worse than a stranger's, and it gets work only where too few others are")
	}
	if r.Suspect {
		a.printf("bad news: all that it computes is checked until its own record speaks for it")
	}
	if r.Owes > 0 {
		a.printf("it owes for %d pieces of work: it is sold nothing until it pays", r.Owes)
	}
	if r.Receipts == 0 && !r.Known && !r.Fraud {
		a.printf("a stranger: no receipt with it, and nobody whom you have paid tells of it")
	}
}

func reputationExplainCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "explain NPUB", Short: "recompute a score: each receipt, its weight, the sum",
		Long: `Compute the score of a node again from all that goes into it, and show each receipt: what
its verdict was, whose fault a failure was, what was at stake, what that weighs, what age
leaves of it. GOOD counts for the node and BAD against it. Only what is proven to be the
node's own fault counts. Then whose opinions add what, and what is odd about the chain of
receipts: a fork is fraud, a gap hides something.`,
		Example: "  infernet reputation explain npub1…\n  infernet reputation explain npub1… --json",
		Args:    args(1, 1, "one NPUB"),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, npub, err := a.about(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			x, err := c.ExplainReputation(cmd.Context(), npub)
			if err != nil {
				return err
			}
			return a.emit(x, func() { a.explainReputation(x) })
		},
	}
}

func (a *app) explainReputation(x api.ReputationExplanation) {
	a.showReputation(x.Reputation)
	if len(x.Items) > 0 {
		rows := make([][]string, 0, len(x.Items))
		for _, i := range x.Items {
			rows = append(rows, []string{
				shortID(i.Receipt), i.At.UTC().Format("2006-01-02 15:04"), foreign(i.Verdict), foreign(i.Blame), foreign(i.Label), human(i.Amount),
				fmt.Sprintf("%.3f", i.Weight), fmt.Sprintf("%.3f", i.Decay), fmt.Sprintf("%.3f", i.Good), fmt.Sprintf("%.3f", i.Bad),
			})
		}
		a.printf("")
		a.table("RECEIPT SIGNED VERDICT BLAME LABEL AMOUNT WEIGHT DECAY GOOD BAD", rows)
	}
	if len(x.Vouches) > 0 {
		rows := make([][]string, 0, len(x.Vouches))
		for _, v := range x.Vouches {
			rows = append(rows, []string{short(v.NPub), fmt.Sprintf("%.3f", v.Flow), strconv.Itoa(int(v.Good)), strconv.Itoa(int(v.Bad)), foreign(v.Day)})
		}
		a.printf("")
		a.table("TOLD_BY FLOW GOOD BAD DAY", rows)
	}
	a.printf("")
	a.printf("sum: good %.3f, bad %.3f; expected share of right results %.3f, its lower bound %.3f", x.GoodSum, x.BadSum, x.Mean, x.Score)
	if x.Flow > 0 {
		a.printf("of good, %.3f comes from others, over whom at most %.3f can flow", x.Indirect, x.Flow)
	}
	for _, n := range x.Notes {
		a.printf("note: %s", words(n))
	}
}

func reputationListCmd(a *app) *cobra.Command {
	var least float64
	c := &cobra.Command{
		Use: "list", Short: "list all of whom this node has an opinion",
		Example: "  infernet reputation list\n  infernet reputation list --min-reputation 0.5",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkReputation(least); err != nil {
				return err
			}
			client, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			all, err := client.Reputations(cmd.Context())
			if err != nil {
				return err
			}
			kept := []api.Reputation{}
			for _, r := range all {
				if r.Score >= least {
					kept = append(kept, r)
				}
			}
			return a.emit(kept, func() { a.showReputations(kept) })
		},
	}
	c.Flags().Float64Var(&least, "min-reputation", 0, "only who has at least this score, 0 to 1")
	return c
}

// checkReputation refuses what is no score.
func checkReputation(least float64) error {
	if !(least >= 0 && least <= 1) {
		return failf(exitUsage, "a score is from 0 (strangers) to 1", "--min-reputation: %v is no score", least)
	}
	return nil
}

func (a *app) showReputations(all []api.Reputation) {
	rows := make([][]string, 0, len(all))
	for _, r := range all {
		rows = append(rows, []string{
			short(r.NPub), fmt.Sprintf("%.3f", r.Score), fmt.Sprintf("%.3f", r.Direct), strconv.Itoa(r.Receipts),
			strconv.Itoa(r.Good), strconv.Itoa(r.Bad), standingText(r),
		})
	}
	a.table("NPUB SCORE OWN RECEIPTS GOOD BAD STANDING", rows)
	if len(rows) == 0 {
		a.sayf("nobody: opinions come from receipts, and receipts from work that was paid")
	}
}

// standingText is what is wrong with a node, in a word.
func standingText(r api.Reputation) string {
	switch {
	case r.Fraud:
		return "fraud"
	case r.Owes > 0:
		return fmt.Sprintf("owes,%d", r.Owes)
	case r.Caught:
		return "caught"
	case r.Suspect:
		return "suspect"
	}
	return "-"
}

func reputationFraudsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "frauds", Short: "list proofs of fraud that this node knows",
		Long: `List the proofs of fraud that this node found or was sent. Each holds signed documents of
one node that contradict each other, such as two commits to different results of one
attempt: nobody's word is needed. Who is proven a fraud has the score 0 for half a year.`,
		Example: "  infernet reputation frauds\n  infernet reputation frauds --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			all, err := c.Frauds(cmd.Context())
			if err != nil {
				return err
			}
			return a.emit(all, func() {
				rows := make([][]string, 0, len(all))
				for _, f := range all {
					rows = append(rows, []string{
						shortID(f.ID), f.At.UTC().Format("2006-01-02 15:04"), short(f.Subject), foreign(f.Fault), short(f.Author), strconv.Itoa(len(f.Docs)),
					})
				}
				a.table("ID FOUND WHO FAULT FOUND_BY DOCUMENTS", rows)
			})
		},
	}
}
