package reputation

import (
	"bytes"
	"cmp"
	"slices"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// ChainReport tells how receipts of one author towards one party hang together.
type ChainReport struct {
	Author identity.PubKey   `json:"author"`
	Other  identity.PubKey   `json:"other"`
	First  uint64            `json:"first"`           // number of the first that is here
	Last   uint64            `json:"last"`            // of the last
	Held   int               `json:"held"`            // how many are here
	Gaps   uint64            `json:"gaps,omitempty"`  // how many are missing between them
	Forks  []wire.FraudProof `json:"forks,omitempty"` // contradictions that the author signed
}

// VerifyChains sorts receipts whose signatures hold, given with their
// documents, into chains and tells of each what is missing and what
// contradicts. Receipts outside of chains are left out.
func VerifyChains(docs []wire.Event) ([]ChainReport, error) {
	type link struct {
		rec Record
		doc wire.Event
	}
	chains := map[[2]identity.PubKey][]link{}
	for _, e := range docs {
		v, err := read(e)
		if err != nil {
			return nil, err
		}
		rec := record(v, e)
		if rec.Receipt.Seq > 0 {
			key := [2]identity.PubKey{rec.Author, rec.other()}
			chains[key] = append(chains[key], link{rec, e})
		}
	}
	var out []ChainReport
	for key, list := range chains {
		slices.SortFunc(list, func(a, b link) int {
			return cmp.Or(cmp.Compare(a.rec.Receipt.Seq, b.rec.Receipt.Seq), bytes.Compare(a.rec.ID[:], b.rec.ID[:]))
		})
		list = slices.CompactFunc(list, func(a, b link) bool { return a.rec.ID == b.rec.ID })
		c := ChainReport{Author: key[0], Other: key[1], First: list[0].rec.Receipt.Seq, Last: list[len(list)-1].rec.Receipt.Seq, Held: len(list)}
		for i := 1; i < len(list); i++ {
			if step := list[i].rec.Receipt.Seq - list[i-1].rec.Receipt.Seq; step > 1 {
				c.Gaps += step - 1
			}
			p := wire.FraudProof{Subject: key[0], Fault: wire.FaultTwoReceipts, Docs: []wire.Event{list[i-1].doc, list[i].doc}}
			if p.Validate() == nil {
				c.Forks = append(c.Forks, p)
			}
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b ChainReport) int {
		return cmp.Or(bytes.Compare(a.Author[:], b.Author[:]), bytes.Compare(a.Other[:], b.Other[:]))
	})
	return out, nil
}
