package main

import "github.com/spf13/cobra"

// verificationTopic is what help verification prints: what a job file can ask
// for, and what it can expect of it.
func verificationTopic() *cobra.Command {
	return &cobra.Command{
		Use: "verification", Short: "how results are checked, and what a job file can say about it",
		Long: `A job file says how its results are checked with the key verify; without it, adaptive holds.

  verify: {mode: adaptive}             the default: everything of a provider whom you do not know is
                                       computed twice, then less and less, never under 5% of results
  verify: {mode: sample, rate: 10%}    a fixed share of results is computed twice
  verify: {mode: quorum, replicas: 3, agree: 2}
                                       every shard is computed so often, by so many different operators
  verify: {mode: canary, rate: 2%}     shards are added whose answers are known from verified work
  verify: {mode: replay, compare: text}
                                       text of models: answers are replayed by another, at 30% or more
  verify: {mode: none}                 providers are believed

Which results are checked is drawn by a lottery that nobody can steer: the drawing lots are fixed
before a result is known, and laid open at the end, so that providers and you can draw again
(infernet receipt verify). Money for results that were not drawn is held until the provider passes
a check or the job ends.

compare says when two results are the same: exact (byte for byte, the default), numeric, embedding,
image, text (with replay), or container (image: NAME of your own, which reads /in/a and /in/b and
exits 0 for a match, 1 for a mismatch, 2 for neither). Thresholds come from a profile (profile: CID;
infernet verifier list); without one the comparator's defaults hold. A result that is neither equal
nor different enough is inconclusive, and nobody's fault.

A dispute goes to a third machine; validators: [npub1…] names whose word then decides, and
infernet node --validators says it for all your jobs. Strangers decide by majority only where none
of yours can be reached.

What results are called: claimed (the provider's word), replicated (others computed the same),
audited (replayed, held against a known answer, or confirmed by your validator). What each mode
would cost, infernet job estimate FILE tells before anything is spent.`,
	}
}
