package job

import (
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
)

// Summary is a job in numbers. Shards with a known answer are no part of what
// was asked for: they are counted apart.
type Summary struct {
	Shards     int             `json:"shards"`
	OK         int             `json:"ok"`         // shards with a result
	Rejected   int             `json:"rejected"`   // shards without one
	Retried    int             `json:"retried"`    // attempts beyond the first rounds
	Copies     int             `json:"copies"`     // second copies of stragglers
	Audited    int             `json:"audited"`    // shards whose result rests on more than one provider
	Mismatched int             `json:"mismatched"` // attempts outside the agreeing group
	Drawn      int             `json:"drawn"`      // results that the lottery chose to be audited
	Held       int             `json:"held"`       // results whose payment is held back
	Reopened   int             `json:"reopened"`   // shards whose verdict was taken back once
	Canaries   int             `json:"canaries"`   // shards with a known answer that were computed
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
	Canaries  int             `json:"canaries"` // of these, shards with a known answer
	Audited   int             `json:"audited"`  // results that were compared or replayed
	Held      int             `json:"held"`     // results whose payment is held back
	Paid      payments.Amount `json:"paid"`
	Excluded  bool            `json:"excluded"`
	Caught    bool            `json:"caught"` // it lied, and that is proven
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
	Paid     payments.Amount `json:"paid"` // for this attempt: zero unless an earlier verdict was taken back
}

// Summary counts a job.
func (j Job) Summary() Summary {
	s := Summary{Spent: j.Spent}
	at := map[identity.PubKey]int{}
	for _, sh := range j.Shards {
		s.shard(sh)
		for k := range sh.Attempts {
			a := &sh.Attempts[k]
			i, known := at[a.Provider]
			if !known {
				i = s.provider(j, a.Provider)
				at[a.Provider] = i
			}
			s.attempt(j, sh, a, &s.Providers[i])
		}
	}
	return s
}

func (s *Summary) shard(sh *Shard) {
	if sh.Input.Known != nil {
		if len(sh.Attempts) > 0 {
			s.Canaries++
		}
		return
	}
	s.Shards++
	switch sh.State {
	case ShardVerified, ShardPaid:
		s.OK++
		if sh.Label != LabelClaimed {
			s.Audited++
		}
	case ShardRejected:
		s.Rejected++
	}
	if sh.Reopened {
		s.Reopened++
	}
	s.Retried += int(sh.Retries)
}

func (s *Summary) attempt(j Job, sh *Shard, a *Attempt, p *ProviderSum) {
	if sh.Input.Known != nil {
		p.Canaries++
	}
	if a.Audits > 0 {
		p.Audited++
	}
	if a.Audited {
		s.Drawn++
	}
	if a.Held {
		s.Held++
		p.Held++
	}
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
		if a.Paid {
			c.Paid = a.Amount
		}
		if a.Reason.Code == CodeMismatch {
			c.Against = sh.agreeing()
		}
		s.Cheaters = append(s.Cheaters, c)
	}
}

// provider adds the line of a provider and returns where it is.
func (s *Summary) provider(j Job, p identity.PubKey) int {
	sum := ProviderSum{Provider: p, Paid: payments.Amount{Unit: j.Budget.Unit}}
	for _, st := range j.Providers {
		if st.Provider == p {
			sum.Excluded, sum.Caught = st.Excluded, st.Caught
		}
	}
	s.Providers = append(s.Providers, sum)
	return len(s.Providers) - 1
}

func (s *Shard) agreeing() []ID {
	var ids []ID
	for _, n := range s.Group {
		if int(n) < len(s.Attempts) {
			ids = append(ids, s.Attempts[n].evidence()...)
		}
	}
	return ids
}
