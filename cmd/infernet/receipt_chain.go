package main

import (
	"cmp"
	"fmt"
	"slices"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/wire"
)

// judgement is the document of receipt verify.
type judgement struct {
	Valid    bool             `json:"valid"`
	Bad      int              `json:"bad"` // receipts that are not valid
	Receipts []checkedReceipt `json:"receipts"`
	Chains   []receiptChain   `json:"chains"`
	Faults   []string         `json:"faults"` // what only several of them together show
	Paid     []paid           `json:"paid"`
}

// receiptChain is the receipts of one author towards one other party.
type receiptChain struct {
	Author  string `json:"author"`
	Other   string `json:"other"`
	From    uint64 `json:"from"`
	To      uint64 `json:"to"`
	Missing uint64 `json:"missing"` // between them
}

// paid is what the receipts say was paid, in one unit.
type paid struct {
	Amount   api.Amount `json:"amount"`
	Payments int        `json:"payments"`
}

// judge looks at receipts together. A receipt that is given twice counts once.
func judge(all []checkedReceipt) judgement {
	j := judgement{Receipts: all, Chains: []receiptChain{}, Faults: []string{}, Paid: []paid{}}
	seen := map[wire.ID]bool{}
	var good []checkedReceipt
	for _, c := range all {
		if !c.Valid {
			j.Bad++
		}
		if c.Reason == "" && !seen[c.id] {
			seen[c.id] = true
			good = append(good, c)
		}
	}
	j.chains(good)
	j.payments(good)
	j.Valid = j.Bad == 0 && len(j.Faults) == 0
	return j
}

// chains sorts receipts into the chains of their authors. Two in one place, or
// one that follows another than the one before it, is a fork: its author told
// two stories. One that is missing is no fault, it may be in another file.
func (j *judgement) chains(good []checkedReceipt) {
	type parties struct{ author, other string }
	of := map[parties][]checkedReceipt{}
	var order []parties
	for _, c := range good {
		if c.Seq == 0 {
			continue
		}
		p := parties{c.Judge, c.other()}
		if of[p] == nil {
			order = append(order, p)
		}
		of[p] = append(of[p], c)
	}
	for _, p := range order {
		chain := of[p]
		slices.SortStableFunc(chain, func(a, b checkedReceipt) int { return cmp.Compare(a.Seq, b.Seq) })
		out := receiptChain{Author: p.author, Other: p.other, From: chain[0].Seq, To: chain[len(chain)-1].Seq}
		for i := 1; i < len(chain); i++ {
			a, b := chain[i-1], chain[i]
			switch {
			case a.Seq == b.Seq:
				j.Faults = append(j.Faults, fmt.Sprintf("%s signed two receipts as number %d of its chain with %s: %s and %s",
					short(p.author), a.Seq, short(p.other), shortID(a.ID), shortID(b.ID)))
			case b.Seq > a.Seq+1:
				out.Missing += b.Seq - a.Seq - 1
			case b.prev != a.id:
				j.Faults = append(j.Faults, fmt.Sprintf("receipt %s of %s follows another one than %s, which is number %d of its chain with %s",
					shortID(b.ID), short(p.author), shortID(a.ID), a.Seq, short(p.other)))
			}
		}
		j.Chains = append(j.Chains, out)
	}
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
	}
}
