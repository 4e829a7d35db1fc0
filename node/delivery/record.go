package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// Keys: "served/PEER" a given; "delivery/PEER/ACCOUNT" the claim that the peer
// made last on that account; "pending/PEER" one that is being taken in;
// "unkept/PEER/ACCOUNT/SEQ" one whose receipt the ledger may not have;
// "fetched/PEER/PRICE" a taken; "day" what strangers
// were given today; "prices" what was asked lately.
const (
	servedPrefix   = "served/"
	deliveryPrefix = "delivery/"
	pendingPrefix  = "pending/"
	unkeptPrefix   = "unkept/"
	fetchedPrefix  = "fetched/"
	dayKey         = "day"
	pricesKey      = "prices"
)

func servedKey(peer identity.PubKey) []byte { return []byte(servedPrefix + peer.Hex()) }

func claimKey(peer identity.PubKey, account wire.ID) []byte {
	return []byte(deliveryPrefix + peer.Hex() + "/" + account.String())
}

func pendingKey(peer identity.PubKey) []byte { return []byte(pendingPrefix + peer.Hex()) }

func unkeptKey(peer identity.PubKey, d wire.Delivery) []byte {
	return fmt.Appendf(nil, "%s%s/%s/%08x", unkeptPrefix, peer.Hex(), d.Account, d.Seq)
}

func fetchedKey(k tabKey) []byte {
	return fmt.Appendf(nil, "%s%s/%016x", fetchedPrefix, k.peer.Hex(), k.price)
}

// given is what is stored of a peer that this node serves.
type given struct {
	Free     meter     `json:"free"`
	Priced   meter     `json:"priced"`
	Accounts []account `json:"accounts,omitempty"` // used last comes last
	Earned   uint64    `json:"earned,omitempty"`   // captured, in the rail's unit
	Grace    uint64    `json:"grace,omitempty"`    // bytes that may yet be forgiven
	Eased    int64     `json:"eased,omitempty"`    // unix seconds up to which time has added to Grace
	Used     int64     `json:"used"`               // unix seconds of the last use
	Run      int64     `json:"run"`                // the run of this node that wrote it
}

// meter counts bytes; what is later in the list is never more.
type meter struct {
	Served   uint64 `json:"served"`   // written to streams
	Claimed  uint64 `json:"claimed"`  // by deliveries that were accepted
	Paid     uint64 `json:"paid"`     // of these, those paid for
	Forgiven uint64 `json:"forgiven"` // never to be paid: lost on the way, as far as anybody knows
}

// unpaid is what was served and is neither paid nor forgiven.
func (m meter) unpaid() uint64 { return m.Served - min(m.Served, m.Paid+m.Forgiven) }

// ease adds to the grace what time has earned: a window a day, and at most one.
func (g *given) ease(now int64, window uint64) {
	const day = 24 * 3600
	if g.Eased == 0 || now < g.Eased {
		g.Eased = now
	}
	past := uint64(min(now-g.Eased, day))
	if g.Grace = min(g.Grace+window*past/day, window); past > 0 {
		g.Eased = now
	}
}

// writeOff forgives, as far as the grace goes, what was served and not claimed.
// It is called while nothing is on its way to the peer.
func (g *given) writeOff() {
	m := &g.Priced
	n := min(m.Served-m.Claimed-min(m.Served-m.Claimed, m.Forgiven), g.Grace)
	m.Forgiven += n
	g.Grace -= n
}

// paid enters bytes of a price that were paid for; some of as many are lost on
// the way.
func (g *given) paid(bytes, window uint64) {
	m := &g.Priced
	m.Paid += bytes
	g.Grace = min(g.Grace+bytes/64, window)
	g.trim(window)
}

// trim takes back what was forgiven of bytes that were claimed after all.
func (g *given) trim(window uint64) {
	m := &g.Priced
	if most := m.Served - m.Claimed; m.Forgiven > most {
		g.Grace = min(g.Grace+m.Forgiven-most, window)
		m.Forgiven = most
	}
}

// account is one peer's account as the serving side knows it.
type account struct {
	ID        wire.ID `json:"id"`
	Price     uint64  `json:"price"`                // per GiB
	Total     uint64  `json:"total"`                // bytes of the deliveries accepted
	Next      uint32  `json:"next"`                 // number of the next delivery
	Owed      uint64  `json:"owed,omitempty"`       // amount of the last one, until it is seen to be paid
	OwedBytes uint64  `json:"owed_bytes,omitempty"` // its bytes
	GivenUp   bool    `json:"given_up,omitempty"`   // the rail does not wait for it any more
}

// maxAccounts bounds the accounts of one peer that are kept: one for free
// bytes, one for the price, and some of earlier prices.
const maxAccounts = 4

// meterOf returns the meter that an account of that price is held against.
func (g *given) meterOf(price uint64) *meter {
	if price == 0 {
		return &g.Free
	}
	return &g.Priced
}

func (g *given) account(id wire.ID) (account, bool) {
	for _, a := range g.Accounts {
		if a.ID == id {
			return a, true
		}
	}
	return account{}, false
}

// owes says whether a delivery waits for its payment.
func (g *given) owes() bool {
	return slices.ContainsFunc(g.Accounts, func(a account) bool { return a.Owed > 0 })
}

// spare returns the place of the account that gives way to a new one: one whose
// payment is not waited for any more, else the one not used for longest that
// owes nothing; -1 for none.
func (g *given) spare() int {
	if i := slices.IndexFunc(g.Accounts, func(a account) bool { return a.Owed > 0 && a.GivenUp }); i >= 0 {
		return i
	}
	return slices.IndexFunc(g.Accounts, func(a account) bool { return a.Owed == 0 })
}

// makesRoom reports whether one more account can be taken in.
func (g *given) makesRoom() bool { return len(g.Accounts) < maxAccounts || g.spare() >= 0 }

// displaced returns the account that has to go when id is used, or none.
func (g *given) displaced(id wire.ID) wire.ID {
	if _, known := g.account(id); known || len(g.Accounts) < maxAccounts {
		return wire.ID{}
	}
	if i := g.spare(); i >= 0 {
		return g.Accounts[i].ID
	}
	return wire.ID{}
}

// drop forgets an account. What it owed counts as never claimed.
func (g *given) drop(id wire.ID) {
	i := slices.IndexFunc(g.Accounts, func(a account) bool { return a.ID == id })
	if i < 0 {
		return
	}
	m := g.meterOf(g.Accounts[i].Price)
	m.Claimed -= min(g.Accounts[i].OwedBytes, m.Claimed-m.Paid)
	g.Accounts = slices.Delete(slices.Clone(g.Accounts), i, i+1)
}

// claim is what is stored of an account's last delivery: documents are kept as
// bytes, for to read one is to check its signature. Without Answer it was not
// accepted yet.
type claim struct {
	Doc     wire.Delivery `json:"doc"`
	Answer  []byte        `json:"answer,omitempty"`
	Receipt []byte        `json:"receipt,omitempty"`
	Signed  []byte        `json:"signed,omitempty"` // our Countersign of Receipt
}

func set(tx store.Txn, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Set(key, raw)
}

// get reads a value into v and reports whether there is one.
func get(s store.Store, key []byte, v any) (known bool, err error) {
	err = s.View(func(r store.Reader) error {
		raw, err := r.Get(key)
		if err != nil {
			return err
		}
		known = true
		return json.Unmarshal(raw, v)
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return known, err
}
