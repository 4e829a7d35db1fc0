package infer

import (
	"encoding/json"
	"fmt"

	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// States of a lease.
const (
	stateOpen     = "open"     // takes requests
	stateDraining = "draining" // takes no more; what is open is paid
	stateClosed   = "closed"   // paid
	stateDisputed = "disputed" // the provider claims what was not counted, or pays no heed
)

// States of a window; see the package comment.
const (
	windowStated   = "stated"
	windowAccepted = "accepted"
	windowPaid     = "paid"
)

// record is what is stored of a lease.
type record struct {
	ID       wire.ID            `json:"id"`
	Provider identity.PubKey    `json:"provider"`
	Model    string             `json:"model"`
	Image    string             `json:"image"`
	Rate     payments.TokenRate `json:"rate"`
	Rail     string             `json:"rail"`
	Budget   uint64             `json:"budget"`
	Limit    uint64             `json:"window"` // the most unpaid
	Created  int64              `json:"created"`
	Deadline int64              `json:"deadline"`
	State    string             `json:"state"`
	Reason   string             `json:"reason,omitempty"`
	Requests uint64             `json:"requests"`
	Total    meter.Count        `json:"total"`             // counted
	Slack    meter.Count        `json:"slack"`             // more that is believed if the provider insists
	Lost     meter.Count        `json:"lost"`              // more yet, as far as Forgiven stays within the allowance
	Forgiven uint64             `json:"forgiven"`          // paid for what was not seen here
	Crashed  bool               `json:"crashed,omitempty"` // usage after the last journal entry is lost
	Refused  meter.Count        `json:"refused"`           // claimed, not believed
	Evidence []string           `json:"evidence,omitempty"`
	Stated   meter.Count        `json:"stated"` // covered by windows before Open
	Asked    uint64             `json:"asked"`  // requests so covered
	Next     uint32             `json:"next"`   // seq of the next window
	Paid     uint64             `json:"paid"`
	Open     *window            `json:"open,omitempty"`
	Ended    bool               `json:"ended,omitempty"`  // the last window was accepted
	Locked   payments.Ref       `json:"locked,omitempty"` // what the rail locked for it
	Updated  int64              `json:"updated"`

	Secret wire.ID `json:"secret,omitzero"`  // draws the audits; zero: there are none
	Least  uint32  `json:"least,omitempty"`  // rate that was promised, parts per million
	Class  string  `json:"class,omitempty"`  // hardware of the provider
	Rows   rows    `json:"rows,omitempty"`   // answers the lottery was held for
	Passed uint32  `json:"passed,omitempty"` // answers found right that no receipt tells of
	Guilt  *guilt  `json:"guilt,omitempty"`
}

// window is the one under way. It is stored before the provider or the rail
// hears of it.
type window struct {
	Doc     wire.Window `json:"doc"`
	State   string      `json:"state"`
	Began   int64       `json:"began"` // unix milliseconds
	Ended   int64       `json:"ended"`
	Receipt []byte      `json:"receipt,omitempty"` // as signed
	Audits  uint32      `json:"audits,omitempty"`  // answers found right that its receipt tells of
	Rate    uint32      `json:"rate,omitempty"`    // of the audits, parts per million
	Paying  bool        `json:"paying,omitempty"`  // the rail may have been asked: only its answer ends it
	Tries   int         `json:"-"`
}

// kept reports whether a window stands whatever its provider is found guilty of:
// money for it has moved, or may have.
func (w *window) kept() bool { return w != nil && (w.State == windowPaid || w.Paying) }

// maxEvidence is how many refused claims of one lease are kept.
const maxEvidence = 16

// price is what so many tokens cost by the lease.
func (c *record) price(n meter.Count) uint64 {
	a, err := payments.PriceTokens(c.Rate, n.In, n.Out)
	if err != nil {
		return payments.MaxValue
	}
	return a.Value
}

// owed is what was counted and is not paid.
func (c *record) owed() uint64 { return c.price(c.Total) - min(c.price(c.Total), c.Paid) }

// over says that nothing is left to be done for the lease.
func (c *record) over() bool {
	return (c.State == stateClosed || c.State == stateDisputed) && c.Open == nil
}

// leasePrefix begins the keys of leases.
const leasePrefix = "lease/"

func leaseID(id wire.ID) []byte { return []byte(leasePrefix + id.String()) }

// save writes records in one transaction.
func (r *Router) save(list ...record) error {
	return r.d.Store.Update(func(tx store.Txn) error {
		for _, c := range list {
			raw, err := json.Marshal(c)
			if err != nil {
				return err
			}
			if err := tx.Set(leaseID(c.ID), raw); err != nil {
				return err
			}
		}
		return nil
	})
}

// stored reads all leases.
func (r *Router) stored() (list []record, err error) {
	err = r.d.Store.View(func(tx store.Reader) error {
		return tx.Scan([]byte(leasePrefix), func(key, value []byte) error {
			var c record
			if err := json.Unmarshal(value, &c); err != nil {
				return fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
			}
			list = append(list, c)
			return nil
		})
	})
	return list, err
}

func (r *Router) forget(ids []wire.ID) error {
	return r.d.Store.Update(func(tx store.Txn) error {
		for _, id := range ids {
			if err := tx.Delete(leaseID(id)); err != nil {
				return err
			}
		}
		return nil
	})
}
