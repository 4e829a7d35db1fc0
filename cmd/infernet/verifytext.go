package main

import (
	"fmt"
	"math"
	"strings"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/job"
)

// verifyOf is how a job description has its results checked, as the node's API
// tells it.
func verifyOf(v job.Verify) api.Verify {
	out := api.Verify{
		Mode: v.Mode, Rate: float64(max(v.Rate, v.AuditMin())) / 1e6, Replicas: int(v.Replicas), Agree: int(v.Agree),
		Compare: v.Compare, Profile: v.Profile,
	}
	for _, k := range v.Validators {
		out.Validators = append(out.Validators, k.String())
	}
	return out
}

// verifyText is how a job is checked, in one line.
func verifyText(v api.Verify) string {
	parts := []string{modeText(v)}
	if v.Compare != "" && v.Mode != job.VerifyNone {
		parts = append(parts, "compared "+foreign(v.Compare))
	}
	if v.Profile != "" {
		parts = append(parts, "thresholds of "+shortID(v.Profile))
	}
	if n := len(v.Validators); n > 0 {
		parts = append(parts, fmt.Sprintf("disputes decided by your validators (%d)", n))
	}
	return strings.Join(parts, ", ")
}

func modeText(v api.Verify) string {
	// What a mode promises at least is not less than its own floor.
	floor := job.Verify{Mode: v.Mode, Rate: uint32(math.Round(v.Rate * 1e6))}.AuditMin()
	rate := percent(max(v.Rate, float64(floor)/1e6))
	switch v.Mode {
	case job.VerifyAdaptive:
		return "adaptive: a provider's first results are computed twice, then at least " + rate
	case job.VerifySample:
		return "sample: " + rate + " of results are computed twice"
	case job.VerifyQuorum:
		return fmt.Sprintf("quorum: %d of %d computations agree", v.Agree, v.Replicas)
	case job.VerifyCanary:
		return "canary: " + rate + " more shards, whose answers are known"
	case job.VerifyReplay:
		return "replay: at least " + rate + " of answers are replayed"
	case job.VerifyNone:
		return "none: providers are believed"
	}
	return foreign(v.Mode)
}
