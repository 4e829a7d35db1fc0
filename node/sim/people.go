package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/reputation"
)

// Prices are in credits for a shard of Config.Units; costs in thousandths of the
// price. The gain of a cheat is 0.7 of the price, as the research notes take it:
// an honest answer costs 0.8 of the price to compute, a cheaper model's 0.1.
const (
	costHonest = 800
	costSwap   = 100
	unitPrice  = 10 // credits a unit
)

// provider is one virtual provider, or a validator. A player that takes a new
// name stays the same player: its money counts together.
type provider struct {
	key      *identity.Key
	player   *player
	operator string
	apart    []string
	rate     payments.Rate
	slots    uint32
	busy     uint32
	pace     float64 // of its computing: 1 takes the usual time
	class    string
	judge    bool             // has the role of a validator
	trusted  *client          // whose own validator it is
	awayTill time.Time        // it answers nobody before
	gone     bool             // it took another name
	book     *reputation.Book // of its clients; made with the first that does not pay

	answered int  // shards it committed to under this name
	right    int  // verdicts ok under this name
	caught   bool // it was told that it was wrong
	spree    int  // of an on-off player: wrong results left to give
}

// player is who earns: one strategy, one purse.
type player struct {
	strategy  Strategy
	providers []*provider
	paid      float64 // credits
	cost      float64
	shards    float64 // attempts that took its time
	byDay     []float64
	wrongs    int // wrong results it delivered
	taken     int // of these: accepted before its first catch
	delivered int // shards delivered before its first catch, or ever
	caught    bool
	cheated   bool
	audits    int // of its right results
	blamed    int // of these: found wrong
	rightDone int // its right results that a client verified
	rightPaid int // of these: paid
}

func (p *player) earn(day int, credits float64) {
	for len(p.byDay) <= day {
		p.byDay = append(p.byDay, 0)
	}
	p.byDay[day] += credits
}

func (p *player) income() float64 { return p.paid - p.cost }

// newKey makes the n-th key of a world; the same one every time.
func (w *world) newKey() (*identity.Key, error) {
	w.keys++
	h := sha256.New()
	fmt.Fprintf(h, "infernet/sim/v1/%s", w.strategy)
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], w.cfg.Seed)
	binary.BigEndian.PutUint64(n[8:], w.keys)
	h.Write(n[:])
	var secret [32]byte
	return identity.FromSecret([32]byte(h.Sum(secret[:0])))
}

// people makes everybody. Who plays the strategy is drawn, so that nothing else
// tells a player from the others.
func (w *world) people() error {
	a, _ := about(w.strategy)
	for i := range w.cfg.Providers + w.cfg.Validators {
		judge := i >= w.cfg.Providers
		plays := a.Role == RoleProvider && !judge || a.Role == RoleValidator && judge
		s := Honest
		if plays && w.rng.Float64() < w.cfg.Share {
			s = w.strategy
		} else if a.Role == RoleValidator && !judge && w.rng.Float64() < w.cfg.Share {
			s = companion(w.strategy)
		}
		p := &player{strategy: s}
		w.players = append(w.players, p)
		if err := w.enter(p, judge); err != nil {
			return err
		}
	}
	for i := range w.cfg.Clients {
		s := Honest
		if a.Role == RoleClient && int(float64(i+1)*w.cfg.Share) > int(float64(i)*w.cfg.Share) {
			s = w.strategy
		}
		if err := w.newClient(s); err != nil {
			return err
		}
	}
	return nil
}

// enter gives a player a new name: a key, a place in the network, a price.
func (w *world) enter(pl *player, judge bool) error {
	k, err := w.newKey()
	if err != nil {
		return err
	}
	n := len(w.providers)
	p := &provider{
		key: k, player: pl, judge: judge, class: "cpu/amd64",
		rate:  payments.Rate{PerUnit: unitPrice - 1 + w.rng.Uint64N(3), Unit: payments.Credits},
		slots: 2 + uint32(w.rng.IntN(3)), pace: 0.8 + 0.4*w.rng.Float64(),
		apart: []string{fmt.Sprintf("net:10.%d.%d.0/24", n/256, n%256), fmt.Sprintf("as:%d", 64512+n%200)},
	}
	if w.alike {
		p.rate.PerUnit, p.pace, p.slots = unitPrice, 1, 3
	}
	if judge {
		p.rate = payments.Rate{Base: unitPrice * w.cfg.Units, Unit: payments.Credits}
	}
	if pl.strategy == Sybil {
		p.apart = []string{"net:192.0.2.0/24", "as:65551"}
	}
	w.providers = append(w.providers, p)
	w.byKey[k.PubKey()] = p
	pl.providers = append(pl.providers, p)
	return nil
}

// away reports whether a provider cannot be reached now.
func (w *world) away(p *provider) bool {
	if p.gone || w.now.Before(p.awayTill) {
		return true
	}
	if p.trusted != nil {
		return false
	}
	return w.parted(p)
}

// parted reports whether the one partition cuts this provider off. It begins
// after a third of the time and takes every second provider.
func (w *world) parted(p *provider) bool {
	if w.cfg.Partition == 0 {
		return false
	}
	from := w.start.Add(w.span() / 3)
	return !w.now.Before(from) && w.now.Before(from.Add(w.cfg.Partition)) && p.key.PubKey()[31]&1 == 0
}
