package aggregator

import (
	"strings"
	"testing"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
)

// What is believed, and what is run here, is not for the client to say whose
// job another drives.
func TestOthersJobsAreVerifiedByOwnMeans(t *testing.T) {
	t.Parallel()
	s := job.Spec{Verify: job.Verify{Mode: job.VerifyQuorum, Replicas: 3, Agree: 2, Compare: job.CompareNumeric,
		Validators: []identity.PubKey{{1}}}}
	if err := forOthers(&s); err != nil {
		t.Fatal(err)
	}
	if len(s.Verify.Validators) > 0 {
		t.Error("a client's validators decide what this node signs")
	}
	for want, v := range map[string]job.Verify{
		"verify.image": {Mode: job.VerifyAdaptive, Compare: job.CompareContainer, Image: "cmp"},
		"replay":       {Mode: job.VerifyReplay, Compare: job.CompareText, Rate: 1_000_000},
	} {
		s.Verify = v
		if err := forOthers(&s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	s.Verify = job.Verify{Mode: job.VerifyCanary, Rate: 20_000}
	if err := forOthers(&s); err != nil || s.Verify.Mode != job.VerifySample || s.Verify.Rate < job.DefaultSampleRate {
		t.Errorf("canaries: %v, %+v", err, s.Verify)
	}
}
