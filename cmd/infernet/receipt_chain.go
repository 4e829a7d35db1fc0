package main

import (
	"fmt"
	"slices"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/reputation"
)

// judgement is the document of receipt verify.
type judgement struct {
	Valid    bool                     `json:"valid"`
	Bad      int                      `json:"bad"` // receipts that are not valid
	Receipts []checkedReceipt         `json:"receipts"`
	Chains   []reputation.ChainReport `json:"chains"`
	Faults   []string                 `json:"faults"` // what only several of them together show
	Paid     []paid                   `json:"paid"`
}

// paid is what the receipts say was paid, in one unit.
type paid struct {
	Amount   api.Amount `json:"amount"`
	Payments int        `json:"payments"`
	Noted    int        `json:"noted"` // of them both sides signed that they are owed
}

// judge looks at receipts together. A receipt that is given twice counts once.
func judge(all []checkedReceipt) (judgement, error) {
	j := judgement{Receipts: all, Chains: []reputation.ChainReport{}, Faults: []string{}, Paid: []paid{}}
	seen := map[wire.ID]bool{}
	var good []checkedReceipt
	var docs []wire.Event
	for _, c := range all {
		if !c.Valid {
			j.Bad++
		}
		if c.Reason == "" && !seen[c.doc.ID] {
			seen[c.doc.ID] = true
			good, docs = append(good, c), append(docs, c.doc)
		}
	}
	chains, err := reputation.VerifyChains(docs)
	if err != nil {
		return j, err
	}
	j.Chains = append(j.Chains, chains...)
	for _, c := range chains {
		for _, f := range c.Forks {
			// One that is missing is no fault, it may be in another file; two
			// stories of one author are.
			j.Faults = append(j.Faults, fmt.Sprintf("%s signed receipts for %s that contradict each other: %s and %s",
				c.Author.Short(), c.Other.Short(), f.Docs[0].ID.Short(), f.Docs[1].ID.Short()))
		}
	}
	j.payments(good)
	j.Valid = j.Bad == 0 && len(j.Faults) == 0
	return j, nil
}

// payments adds up what was paid. A payment pays for one thing.
func (j *judgement) payments(good []checkedReceipt) {
	type name struct{ rail, payer, ref string }
	first := map[name]checkedReceipt{}
	for _, c := range good {
		if c.Amount.Amount == 0 {
			continue
		}
		n := name{c.Rail, c.Payer, c.PayRef}
		if before, twice := first[n]; twice {
			j.Faults = append(j.Faults, fmt.Sprintf("the payment %s is named by two receipts, %s and %s", foreign(c.PayRef), shortID(before.ID), shortID(c.ID)))
			continue
		}
		first[n] = c
		i := slices.IndexFunc(j.Paid, func(p paid) bool { return p.Amount.Unit == c.Amount.Unit })
		if i < 0 {
			i = len(j.Paid)
			j.Paid = append(j.Paid, paid{Amount: api.Amount{Unit: c.Amount.Unit}})
		}
		j.Paid[i].Amount.Amount += c.Amount.Amount
		j.Paid[i].Payments++
		if c.Noted {
			j.Paid[i].Noted++
		}
	}
}
