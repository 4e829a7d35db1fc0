package delivery

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// tabKey names what this node owes: to whom, and at what price per GiB.
type tabKey struct {
	peer  identity.PubKey
	price uint64
}

// States of an open delivery.
const (
	stated = "stated" // to be said, or said; not known to be paid
	paid   = "paid"   // its receipt is to be exchanged
)

// taken is what is stored of a tab.
type taken struct {
	Account wire.ID `json:"account"`
	Fetched uint64  `json:"fetched"`         // bytes read, ever
	Total   uint64  `json:"total"`           // bytes found good, of the account
	Done    uint64  `json:"done"`            // of these, covered by deliveries that are over
	Next    uint32  `json:"next"`            // number of the next delivery
	Paid    uint64  `json:"paid,omitempty"`  // ever, in the rail's unit
	Open    *open   `json:"open,omitempty"`  // the delivery under way
	Began   int64   `json:"began,omitempty"` // unix milliseconds of the first byte not yet stated
	Renewed int64   `json:"renewed"`         // unix seconds when Account was drawn
	Used    int64   `json:"used"`            // unix seconds
}

// open is a delivery under way. It is stored before the provider or the rail
// hears of it.
type open struct {
	Doc     wire.Delivery `json:"doc"`
	State   string        `json:"state"`
	Began   int64         `json:"began"` // unix milliseconds
	Ended   int64         `json:"ended"`
	Memo    string        `json:"memo"`
	Receipt []byte        `json:"receipt,omitempty"` // as signed
}

// tab is an account with a provider, in memory.
type tab struct {
	key      tabKey
	settling sync.Mutex // held while a delivery is dealt with
	saving   sync.Mutex // held from the copying of rec until it is stored

	mu     sync.Mutex
	rec    taken
	dirty  bool // rec is ahead of the store
	flows  map[*Inflow]bool
	roots  map[string]uint64 // bytes not stated yet, by content
	moved  time.Time         // when a byte came last
	reason error             // why the provider takes nothing on it
	again  time.Time         // not to be settled before
	wait   time.Duration
}

// mostAccount is when an account is closed and another begun: numbers of
// deliveries and of bytes have a bound.
const (
	mostNumber = 1 << 19
	mostTotal  = 1 << 52
)

// onTab calls fn with the tab of a key, read from the store, and its mutex held:
// a tab that fn puts something on is not forgotten.
func (s *Service) onTab(k tabKey, fn func(*tab)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tabs[k]
	if t == nil {
		t = newTab(k)
		known, err := get(s.d.Store, fetchedKey(k), &t.rec)
		if err != nil {
			return err
		}
		if !known {
			t.rec.renew(s.d.Now())
		}
		s.tabs[k] = t
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fn(t)
	return nil
}

// idle reports whether nothing is left to be done. The mutex is held.
func (t *tab) idle() bool {
	return len(t.flows) == 0 && t.rec.Open == nil && t.unstated() == 0 && !t.dirty
}

func newTab(k tabKey) *tab {
	return &tab{key: k, flows: map[*Inflow]bool{}, roots: map[string]uint64{}}
}

// add counts n more bytes as good. The mutex is held.
func (t *tab) add(root string, n uint64, now time.Time) {
	if n == 0 {
		return
	}
	if t.rec.Began == 0 {
		t.rec.Began = now.UnixMilli()
	}
	t.rec.Total += n
	t.rec.Used = now.Unix()
	t.dirty = true
	if _, known := t.roots[root]; !known && len(t.roots) >= 16*maxRoots {
		root = "more"
	}
	t.roots[root] += n
}

// takeBack counts n bytes as not good after all, unless they were stated. The
// mutex is held.
func (t *tab) takeBack(root string, n uint64) {
	n = min(n, t.unstated())
	t.rec.Total -= n
	t.roots[root] -= min(n, t.roots[root])
	t.dirty = t.dirty || n > 0
}

// unstated is how many good bytes no delivery covers. The mutex is held.
func (t *tab) unstated() uint64 {
	n := t.rec.Total - t.rec.Done
	if t.rec.Open != nil {
		n -= min(n, t.rec.Open.Doc.Bytes)
	}
	return n
}

// delivery is the next one of the account. The mutex is held.
func (s *Service) delivery(t *tab, bytes uint64) (wire.Delivery, error) {
	amount, err := payments.PriceSpan(s.rate(t.key.price), t.rec.Done, t.rec.Done+bytes)
	return wire.Delivery{
		Account: t.rec.Account, Seq: t.rec.Next, Bytes: bytes, Total: t.rec.Done + bytes,
		Price: t.key.price, Amount: amount.Value, Unit: string(s.d.Rail.Unit()), Rail: s.d.Rail.Name(),
	}, err
}

// memo says in words what a delivery is of. The mutex is held.
func (t *tab) memo(d wire.Delivery) string {
	type part struct {
		root  string
		bytes uint64
	}
	var parts []part
	for r, n := range t.roots {
		parts = append(parts, part{r, n})
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Or(-cmp.Compare(a.bytes, b.bytes), strings.Compare(a.root, b.root)) })
	text := fmt.Sprintf("content from %s: delivery %d of account %s, %d bytes at %d %s per GiB",
		t.key.peer.Short(), d.Seq, d.Account.Short(), d.Bytes, d.Price, d.Unit)
	for i, p := range parts[:min(len(parts), maxRoots)] {
		text += map[bool]string{true: ": ", false: ", "}[i == 0] + fmt.Sprintf("%d of %s", p.bytes, p.root)
	}
	if n := len(parts) - maxRoots; n > 0 {
		text += fmt.Sprintf(", and %d more", n)
	}
	return wire.Printable(text)
}

// renew begins a new account with what was not paid on the old one. The mutex
// is held.
func (r *taken) renew(now time.Time) {
	r.Account, r.Renewed = wire.RandomID(), now.Unix()
	r.Total, r.Done, r.Next, r.Open = r.Total-r.Done, 0, 0, nil
}

// commitTab changes a tab and stores the change before it returns. Bytes may
// come meanwhile, so the change is made to what is current.
func (s *Service) commitTab(t *tab, change func(*taken)) error {
	t.saving.Lock()
	defer t.saving.Unlock()
	t.mu.Lock()
	rec := t.rec
	t.mu.Unlock()
	change(&rec)
	// Only who holds settling changes what change changes; the counts that are
	// stored here may be behind and are written again.
	if err := s.d.Store.Update(func(tx store.Txn) error { return set(tx, fetchedKey(t.key), rec) }); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.rec)
	return nil
}

// copied keeps what is in the record apart from what is being changed.
func (o *open) copied() *open {
	c := *o
	return &c
}

// readTab reads a stored tab; the key says whose it is.
func readTab(key, raw []byte) (*tab, error) {
	var hex string
	var price uint64
	name := strings.TrimPrefix(string(key), fetchedPrefix)
	hex, rest, _ := strings.Cut(name, "/")
	if _, err := fmt.Sscanf(rest, "%016x", &price); err != nil {
		return nil, fmt.Errorf("key %.200q: %w", key, err)
	}
	peer, err := identity.ParsePubKey(hex)
	if err != nil {
		return nil, err
	}
	t := newTab(tabKey{peer, price})
	return t, json.Unmarshal(raw, &t.rec)
}
