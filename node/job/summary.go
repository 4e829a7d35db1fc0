package job

import (
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Summary is a job in numbers.
type Summary struct {
	Shards     int             `json:"shards"`
	OK         int             `json:"ok"`         // shards with a result
	Rejected   int             `json:"rejected"`   // shards without one
	Retried    int             `json:"retried"`    // attempts beyond the first rounds
	Copies     int             `json:"copies"`     // second copies of stragglers
	Audited    int             `json:"audited"`    // shards whose result rests on more than one provider
	Mismatched int             `json:"mismatched"` // attempts outside the agreeing group
	Spent      payments.Amount `json:"spent"`
	Providers  []ProviderSum   `json:"providers"` // in order of first attempt
	Cheaters   []Cheater       `json:"cheaters"`
}

// ProviderSum is what one provider did in a job.
type ProviderSum struct {
	Provider  identity.PubKey `json:"provider"`
	OK        int             `json:"ok"`
	Bad       int             `json:"bad"`
	Failed    int             `json:"failed"`
	Cancelled int             `json:"cancelled"`
	Open      int             `json:"open"`
	Paid      payments.Amount `json:"paid"`
	Excluded  bool            `json:"excluded"`
}

// Cheater is a provider that was caught, once for each attempt. Evidence are the
// ids of its signed commit and reveal, Against those of the providers that agree
// with each other.
type Cheater struct {
	Provider identity.PubKey `json:"provider"`
	Shard    uint32          `json:"shard"`
	Attempt  uint32          `json:"attempt"`
	Reason   Reason          `json:"reason"`
	Evidence []ID            `json:"evidence"`
	Against  []ID            `json:"against,omitempty"`
	Paid     payments.Amount `json:"paid"` // for this attempt: always zero
}

// Summary counts a job.
func (j Job) Summary() Summary {
	s := Summary{Shards: len(j.Shards), Spent: j.Spent}
	for _, sh := range j.Shards {
		switch sh.State {
		case ShardVerified, ShardPaid:
			s.OK++
			if sh.Label == LabelReplicated {
				s.Audited++
			}
		case ShardRejected:
			s.Rejected++
		}
		s.Retried += int(sh.Retries)
		for _, a := range sh.Attempts {
			s.attempt(j, sh, a)
		}
	}
	return s
}

func (s *Summary) attempt(j Job, sh *Shard, a Attempt) {
	p := s.provider(j, a.Provider)
	if a.Copy {
		s.Copies++
	}
	switch a.State {
	case AttemptOK, AttemptSettled:
		p.OK++
	case AttemptBad:
		p.Bad++
		s.Mismatched++
	case AttemptLost:
		p.Failed++
	case AttemptCancelled:
		p.Cancelled++
	default:
		p.Open++
	}
	if a.Paid {
		p.Paid = plus(p.Paid, a.Amount)
	}
	if a.Fault && lie(a.Reason.Code) {
		c := Cheater{
			Provider: a.Provider, Shard: sh.Index, Attempt: a.N, Reason: a.Reason,
			Evidence: a.evidence(), Paid: payments.Amount{Unit: j.Budget.Unit},
		}
		if a.Reason.Code == CodeMismatch {
			c.Against = sh.agreeing()
		}
		s.Cheaters = append(s.Cheaters, c)
	}
}

func (s *Summary) provider(j Job, p identity.PubKey) *ProviderSum {
	for i := range s.Providers {
		if s.Providers[i].Provider == p {
			return &s.Providers[i]
		}
	}
	sum := ProviderSum{Provider: p, Paid: payments.Amount{Unit: j.Budget.Unit}}
	for _, st := range j.Providers {
		if st.Provider == p {
			sum.Excluded = st.Excluded
		}
	}
	s.Providers = append(s.Providers, sum)
	return &s.Providers[len(s.Providers)-1]
}

func (s *Shard) agreeing() []ID {
	var ids []ID
	for _, a := range s.Attempts {
		if a.State == AttemptOK || a.State == AttemptSettled {
			ids = append(ids, a.evidence()...)
		}
	}
	return ids
}
