package aggregator

import (
	"strings"
	"testing"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
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

// TestLeasesNameNoJobs wants a job refused that is called as a lease of this
// node may be: the two would be disclosed under one name with two secrets.
func TestLeasesNameNoJobs(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	_, err := d.take(t.Context(), identity.PubKey{1}, wire.Delegate{Job: wire.LeaseID(), Spec: "{}"})
	if err == nil || !strings.Contains(err.Error(), "lease") {
		t.Errorf("a job by the name of a lease: %v", err)
	}
	for range 64 {
		if wire.JobID().OfLease() || !wire.LeaseID().OfLease() {
			t.Fatal("names of jobs and leases meet")
		}
	}
}

// TestOpenJobsTakeCredit counts what a client's jobs under way may cost it.
func TestOpenJobsTakeCredit(t *testing.T) {
	t.Parallel()
	d, client := newDriver(t), identity.PubKey{1}
	var ids []job.ID
	for i, j := range []job.Job{
		{Client: client, State: job.StateRunning}, {Client: client, State: job.StateMatching},
		{Client: client, State: job.StateDone}, {Client: identity.PubKey{2}, State: job.StateRunning},
	} {
		j.ID, j.Budget.Value, j.Shards = wire.JobID(), 10<<i, make([]*job.Shard, 2)
		d.actors[j.ID] = newActor(d, j)
		ids = append(ids, j.ID)
	}
	if got := d.promised(client, job.ID{}); got != 10+20+4 {
		t.Errorf("%d are promised, want 34", got)
	}
	if got := d.promised(client, ids[1]); got != 12 {
		t.Errorf("%d without the second, want 12", got)
	}
}
