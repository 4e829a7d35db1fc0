package job

import (
	"slices"
	"strings"

	"infernet.tech/infernet/node/audit"
)

// Lottery reports whether a mode draws which results are audited.
func (v Verify) Lottery() bool {
	return v.Mode == VerifyAdaptive || v.Mode == VerifySample || v.Mode == VerifyReplay
}

// Policy is how the rate of audits follows from what is known of a provider.
// Where it is fixed, floor and rate are the same and the track does not matter.
func (v Verify) Policy() audit.Policy {
	switch v.Mode {
	case VerifyAdaptive:
		p := audit.Replicas()
		p.FloorPPM = max(p.FloorPPM, v.Rate)
		return p
	case VerifyReplay:
		p := audit.Replays()
		p.FloorPPM = max(p.FloorPPM, v.Rate)
		return p
	}
	return audit.Policy{FloorPPM: v.Rate, HoldMax: audit.Replicas().HoldMax}
}

// Avoids reports whether those who were caught in earlier jobs are left alone,
// where so many others are there. Too few of them, and results of which all are
// checked are better than none; where not all would be checked, none are better.
func (v Verify) Avoids(others int) bool {
	switch v.Mode {
	case VerifyNone, VerifyCanary, VerifySample:
		return true
	}
	return others > int(v.Replicas)
}

// AuditMin is the rate of audits that a provider is promised at least, in ppm:
// what JobOffer.AuditMin says.
func (v Verify) AuditMin() uint32 {
	switch {
	case v.Lottery():
		return v.Policy().FloorPPM
	case v.Mode == VerifyQuorum && v.Replicas > 1:
		return audit.All
	}
	return 0
}

// Canaries is how many shards with a known answer are wanted beside so many real
// ones: Rate of them, at least one in fifty.
func (v Verify) Canaries(shards int) int {
	if v.Mode != VerifyCanary || shards <= 0 {
		return 0
	}
	n := (uint64(shards)*uint64(v.Rate) + audit.All - 1) / audit.All
	return int(min(max(n, (uint64(shards)+49)/50), MaxKnown))
}

// Rates where none is given, and their bounds in ppm.
const (
	DefaultSampleRate = 50_000
	DefaultCanaryRate = 20_000
	MaxCanaryRate     = 500_000
	MaxValidators     = 32
)

// applyDefaults fills in what was not written. Who writes how many results are
// to agree means a quorum, whatever the default is; who names an image to
// compare with means that comparator.
func (v *Verify) applyDefaults() {
	if v.Mode == "" && (v.Replicas > 0 || v.Agree > 0) {
		v.Mode = VerifyQuorum
	}
	if v.Mode == "" && v.Compare == CompareText {
		v.Mode = VerifyReplay
	}
	fill(&v.Mode, VerifyAdaptive)
	switch v.Mode {
	case VerifyQuorum:
		fill(&v.Replicas, max(DefaultReplicas, v.Agree))
		fill(&v.Agree, min(DefaultAgree, v.Replicas))
	case VerifySample:
		fill(&v.Rate, DefaultSampleRate)
	case VerifyCanary:
		fill(&v.Rate, DefaultCanaryRate)
	case VerifyReplay:
		fill(&v.Compare, CompareText)
	}
	fill(&v.Replicas, 1)
	fill(&v.Agree, 1)
	if v.Image != "" {
		fill(&v.Compare, CompareContainer)
	}
	fill(&v.Compare, CompareExact)
}

// engineImage is the built-in engine, and tokenArg has it tell the tokens of its
// answers: without them no answer can be replayed.
const (
	engineImage = "infernet/llm"
	tokenArg    = "--token-ids"
)

// tellTokens makes the built-in engine's answers fit for replay.
func (s *Spec) tellTokens() {
	if s.Verify.Mode != VerifyReplay || s.Task.Image != engineImage {
		return
	}
	for _, a := range s.Task.Args {
		if name, _, _ := strings.Cut(strings.TrimLeft(a, "-"), "="); name == tokenArg[2:] {
			return
		}
	}
	s.Task.Args = append(slices.Clone(s.Task.Args), tokenArg)
}

func (s Spec) checkVerify(v *checker) {
	q := s.Verify
	v.oneOf("verify.mode", q.Mode, VerifyAdaptive, VerifySample, VerifyQuorum, VerifyCanary, VerifyReplay, VerifyNone)
	v.oneOf("verify.compare", q.Compare, CompareExact, CompareNumeric, CompareText, CompareEmbedding, CompareImage, CompareContainer)
	if q.Mode == VerifyQuorum {
		v.say(q.Replicas >= 1 && q.Replicas <= MaxReplicas, "verify.replicas", "", "%d is not between 1 and %d", q.Replicas, MaxReplicas)
		v.say(q.Agree >= 1 && q.Agree <= q.Replicas, "verify.agree", "at most verify.replicas", "%d of %d cannot agree", q.Agree, q.Replicas)
		v.say(2*uint64(q.Agree) > uint64(q.Replicas), "verify.agree", "more than half of verify.replicas", "%d of %d could agree twice, on different results", q.Agree, q.Replicas)
	} else {
		v.say(q.Replicas == 1 && q.Agree == 1, "verify.replicas", "use mode: quorum", "mode %.40q runs each shard once, and what is audited once more", q.Mode)
	}
	s.checkRate(v)
	replayed := q.Mode == VerifyReplay
	v.say((q.Compare == CompareText) == replayed || q.Mode == "", "verify.compare", "mode: replay and compare: text go together",
		"compare %.40q is not possible with mode %.40q", q.Compare, q.Mode)
	v.say((q.Compare == CompareContainer) == (q.Image != ""), "verify.image", "compare: container and image: NAME go together", "the image is of a comparator")
	v.say(textOK(q.Image) && textOK(q.Profile), "verify.image", "", "too long, or not text")
	v.say(q.Profile == "" || q.Compare != CompareExact, "verify.profile", "leave it out", "what is compared byte for byte has no thresholds")
	v.say(len(q.Validators) <= MaxValidators, "verify.validators", "", "%d validators, at most %d are possible", len(q.Validators), MaxValidators)
}

func (s Spec) checkRate(v *checker) {
	q := s.Verify
	switch q.Mode {
	case VerifyAdaptive, VerifySample, VerifyReplay:
		v.say(q.Rate <= audit.All, "verify.rate", "at most 100%", "more than all cannot be audited")
		v.say(q.Rate > 0 || q.Mode != VerifySample, "verify.rate", "rate: 5%", "a sample needs a rate")
	case VerifyCanary:
		v.say(q.Rate > 0 && q.Rate <= MaxCanaryRate, "verify.rate", "more than 0 and at most 50%", "that many canaries are not possible")
	default:
		v.say(q.Rate == 0, "verify.rate", "leave it out", "mode %.40q draws no lottery", q.Mode)
	}
}
