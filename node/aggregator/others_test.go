package aggregator

import (
	"strings"
	"testing"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
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

// TestOthersJobsCostNoMoney wants no stranger's job on a rail of money: this node
// would pay the providers first, and one of them may be the client.
func TestOthersJobsCostNoMoney(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	for _, unit := range []payments.Unit{payments.MilliSat, payments.MicroUSDC} {
		_, err := d.take(t.Context(), identity.PubKey{1}, wire.Delegate{Job: wire.JobID(), Spec: "{}", Rail: "money", Unit: string(unit)})
		if err == nil || !strings.Contains(err.Error(), "on credit alone") {
			t.Errorf("in %s: %v", unit, err)
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
		j.ID, j.Budget.Value, j.Fee.Value = wire.JobID(), 10<<i, 2
		d.actors[j.ID] = newActor(d, j)
		ids = append(ids, j.ID)
	}
	if got := d.promised(client, "", job.ID{}); got != 10+20+4 {
		t.Errorf("%d are promised, want 34", got)
	}
	if got := d.promised(client, "", ids[1]); got != 12 {
		t.Errorf("%d without the second, want 12", got)
	}
	if got := d.promised(client, payments.MilliSat, job.ID{}); got != 0 {
		t.Errorf("%d are promised in another unit", got)
	}
}

// TestClientsAnswersAreNotLearned wants nothing of a client's job among the known
// answers, which other jobs are checked with.
func TestClientsAnswersAreNotLearned(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	for want, client := range []identity.PubKey{{1}, {}} {
		j := job.Job{ID: wire.JobID(), Client: client, Shards: []*job.Shard{{
			Input: job.Input{CID: rootA, Units: 5, Bytes: 9}, Result: rootB, Size: 9, Label: job.LabelReplicated, Group: []uint32{0, 1},
		}}}
		if err := d.learn(j); err != nil {
			t.Fatal(err)
		}
		if all, err := d.allKnown("canary/"); err != nil || len(all) != want {
			t.Errorf("of a job of client %v %d answers are known, %v; want %d", client, len(all), err, want)
		}
	}
}

// TestBlameOfAClientsTask wants nobody blamed in this node's book for what may be
// the fault of a task that a client gave.
func TestBlameOfAClientsTask(t *testing.T) {
	t.Parallel()
	d, h := newDriver(t), newHanded(t)
	d.Key = h.agg
	for _, tc := range []struct {
		client identity.PubKey
		code   string
		label  string
		want   string
	}{
		{identity.PubKey{}, job.CodeMismatch, job.LabelReplicated, job.BlameProvider},
		{h.agg.PubKey(), job.CodeLate, "", job.BlameProvider},
		{identity.PubKey{1}, job.CodeMismatch, job.LabelReplicated, job.BlameInconclusive},
		{identity.PubKey{1}, job.CodeMismatch, job.LabelAudited, job.BlameProvider}, // this node's own validator looked
		{identity.PubKey{1}, job.CodeLate, "", job.BlameInconclusive},
		{identity.PubKey{1}, job.CodeWrongReveal, "", job.BlameProvider}, // its documents show it
		{identity.PubKey{1}, job.CodeNoReveal, "", job.BlameProvider},
	} {
		j := h.j
		j.Client, j.Shards = tc.client, []*job.Shard{{Label: tc.label}}
		got := d.blame(j, job.Settle{Blame: job.BlameProvider, Reason: job.Reason{Code: tc.code}})
		if got != tc.want {
			t.Errorf("%s, labelled %q, for client %v: %s, want %s", tc.code, tc.label, tc.client, got, tc.want)
		}
	}
}
