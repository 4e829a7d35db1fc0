package polygon

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/payments/polygon/contract"
	"infernet.tech/infernet/store"
)

// model is the contract and its token on a chain in memory, with blocks that
// are final only when others are above them.
type model struct {
	at    contract.Contract
	depth int // blocks above one that make it final
	gas   uint64

	mu      sync.Mutex
	blocks  []block // the last is the head
	final   int     // the highest that was final: no reorg takes it back
	waiting []*modelOp
	stuck   bool // fees are too high for anything to be mined
	// meddle makes an op of that kind fail: for nothing, or because a stranger did
	// the same before it.
	meddle map[string]string
	now    func() time.Time
}

// block is the whole state after it.
type block struct {
	wallets  map[common.Address]uint64
	channels map[common.Hash]modelChannel
	events   []modelEvent
	ops      []*modelOp
}

type modelChannel struct {
	terms            terms
	balance, claimed uint64
	closeAt          time.Time
	ended            bool
}

type modelEvent struct {
	id     common.Hash
	terms  terms
	opened bool
}

type modelOp struct {
	from common.Address
	name string
	call call
	at   int // block it is in; -1 while waiting
	bad  bool
}

func newModel(now func() time.Time) *model {
	return &model{
		at: contract.At(1337, common.HexToAddress("0xc0ffee")), depth: 2, now: now,
		blocks: []block{{wallets: map[common.Address]uint64{}, channels: map[common.Hash]modelChannel{}}},
	}
}

// mine makes n blocks with what waits in the first.
func (m *model) mine(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		head := m.blocks[len(m.blocks)-1]
		b := block{wallets: maps.Clone(head.wallets), channels: maps.Clone(head.channels)}
		if !m.stuck {
			for _, op := range m.waiting {
				how := m.meddle[op.call.Kind]
				op.at, op.bad = len(m.blocks), how == "revert" || !m.apply(&b, op) || how == "quicker"
				b.ops = append(b.ops, op)
			}
			m.waiting = nil
		}
		m.blocks = append(m.blocks, b)
		m.finalHeight()
	}
}

// late does what an op that failed asked for.
func (m *model) late(kind string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.blocks {
		for _, op := range b.ops {
			if op.bad && op.call.Kind == kind {
				m.apply(&m.blocks[len(m.blocks)-1], op)
			}
		}
	}
}

// reorg takes the last n blocks back that are not final. What was in them waits
// again, or is gone.
func (m *model) reorg(n int, drop bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n = min(n, len(m.blocks)-1-m.finalHeight())
	for range n {
		last := m.blocks[len(m.blocks)-1]
		m.blocks = m.blocks[:len(m.blocks)-1]
		for _, op := range last.ops {
			op.at, op.bad = -1, false
		}
		if !drop {
			m.waiting = append(last.ops, m.waiting...)
		}
	}
}

func (m *model) finalHeight() int {
	m.final = max(m.final, len(m.blocks)-1-m.depth)
	return m.final
}

// apply does what the contract does and reports whether it did not revert.
func (m *model) apply(b *block, op *modelOp) bool {
	c := op.call
	ch, ok := b.channels[c.ID]
	switch c.Kind {
	case opOpen:
		if ok || b.wallets[op.from] < c.Amount || c.Amount == 0 {
			return false
		}
		ch = modelChannel{terms: c.Terms, balance: c.Amount}
		b.wallets[op.from] -= c.Amount
		b.events = append(b.events, modelEvent{id: c.ID, terms: c.Terms, opened: true})
	case opTopUp:
		if !ok || ch.ended || b.wallets[op.from] < c.Amount {
			return false
		}
		ch.balance += c.Amount
		b.wallets[op.from] -= c.Amount
	case opClose:
		if !ok || ch.ended || !ch.closeAt.IsZero() || op.from != ch.terms.Payer {
			return false
		}
		ch.closeAt = m.now().Add(time.Duration(ch.terms.Delay) * time.Second).UTC().Truncate(time.Second)
		b.events = append(b.events, modelEvent{id: c.ID})
	case opFinish:
		if !ok || ch.ended || ch.closeAt.IsZero() || m.now().Before(ch.closeAt) {
			return false
		}
		m.end(b, &ch, c.ID)
	case opAgreed:
		v := c.Rows[0].Voucher
		sig, err := signature(v.Signature)
		if err != nil || !ok || ch.ended || v.Cum < ch.claimed || v.Cum > ch.balance {
			return false
		}
		if contract.Verify(m.at.CloseDigest(contract.ChannelID(c.ID), v.Cum), sig, ch.terms.Payee) != nil {
			return false
		}
		b.wallets[ch.terms.Payee] += v.Cum - ch.claimed
		ch.claimed = v.Cum
		m.end(b, &ch, c.ID)
	case opRedeem:
		for _, row := range c.Rows {
			m.redeem(b, row)
		}
		return true
	}
	b.channels[c.ID] = ch
	return true
}

func (m *model) end(b *block, ch *modelChannel, id common.Hash) {
	b.wallets[ch.terms.Payer] += ch.balance - ch.claimed
	ch.ended, ch.closeAt, ch.balance = true, time.Time{}, ch.claimed
	b.events = append(b.events, modelEvent{id: id})
}

// good reports whether redeemMany would pay for the row.
func (m *model) good(b block, row claim) bool {
	ch, ok := b.channels[row.ID]
	sig, err := signature(row.Voucher.Signature)
	if err != nil || !ok || ch.ended || row.Voucher.Cum <= ch.claimed || row.Voucher.Cum > ch.balance {
		return false
	}
	digest := m.at.VoucherDigest(contract.ChannelID(row.ID), row.Voucher.Cum, row.Voucher.Root)
	return contract.Verify(digest, sig, ch.terms.Signer) == nil
}

func (m *model) redeem(b *block, row claim) {
	if !m.good(*b, row) {
		return
	}
	ch := b.channels[row.ID]
	b.wallets[ch.terms.Payee] += row.Voucher.Cum - ch.claimed
	ch.claimed = row.Voucher.Cum
	b.channels[row.ID] = ch
}

// total is all the money there is: it never changes.
func (m *model) total() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	sum, head := uint64(0), m.blocks[len(m.blocks)-1]
	for _, v := range head.wallets {
		sum += v
	}
	for _, c := range head.channels {
		sum += c.balance - c.claimed
	}
	return sum
}

func (m *model) wallet(a common.Address) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.blocks[len(m.blocks)-1].wallets[a]
}

func (m *model) give(a common.Address, v uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.blocks {
		b.wallets[a] += v
	}
}

// errRPC is what a broken endpoint gives.
var errRPC = errors.New("endpoint does not answer")

// view is one node's ledger on the model. Its sender's journal survives the
// node; the cursor of its events is in the node's store.
type view struct {
	m       *model
	sent    *sync.Map // name -> *modelOp, across restarts
	wallet  *ecdsa.PrivateKey
	voucher *ecdsa.PrivateKey
	// each is called before and after every call, with what it is; an error
	// before ends the call, after it the answer is lost.
	each func(what string, after bool) error
	rail *Rail
	lie  func(onChain) onChain
}

func (v *view) call(what string, fn func() error) error {
	if v.each != nil {
		if err := v.each(what, false); err != nil {
			return err
		}
	}
	err := fn()
	if v.each != nil {
		if aerr := v.each(what, true); aerr != nil {
			return aerr
		}
	}
	return err
}

func (v *view) run(ctx context.Context) error { <-ctx.Done(); return nil }

func (v *view) step(context.Context) error { return v.call("step", func() error { return nil }) }

func (v *view) look(context.Context) error {
	return v.call("look", func() error {
		return v.rail.s.Update(func(tx store.Txn) error {
			v.m.mu.Lock()
			defer v.m.mu.Unlock()
			at := 0
			if _, err := get(tx, []byte("test/cursor"), &at); err != nil {
				return err
			}
			for ; at <= v.m.finalHeight(); at++ {
				for _, e := range v.m.blocks[at].events {
					var err error
					if e.opened {
						err = v.rail.sawOpened(tx, e.id, e.terms)
					} else {
						err = v.rail.sawClose(tx, e.id)
					}
					if err != nil {
						return err
					}
				}
			}
			for _, b := range v.m.blocks[v.m.finalHeight():] {
				for _, e := range b.events {
					if !e.opened {
						v.rail.hint(e.id)
					}
				}
			}
			return put(tx, []byte("test/cursor"), at)
		})
	})
}

func (v *view) place() place {
	return place{
		Network: "local", Contract: v.m.at.Address,
		Wallet: crypto.PubkeyToAddress(v.wallet.PublicKey), Signer: crypto.PubkeyToAddress(v.voucher.PublicKey),
	}
}

func (v *view) fresh(context.Context) error { return v.call("fresh", func() error { return nil }) }

func (v *view) channel(_ context.Context, id common.Hash, t terms) (on onChain, err error) {
	err = v.call("channel", func() error {
		v.m.mu.Lock()
		defer v.m.mu.Unlock()
		ch, ok := v.m.blocks[v.m.finalHeight()].channels[id]
		if !ok {
			return fmt.Errorf("%s: %w", id, ErrNoChannel)
		}
		on = onChain{Terms: t, Balance: ch.balance, Claimed: ch.claimed, CloseAt: ch.closeAt, Ended: ch.ended, At: v.m.now()}
		if v.lie != nil {
			on = v.lie(on)
		}
		return nil
	})
	return on, err
}

func (v *view) check(context.Context) error { return nil }

func (v *view) held(context.Context) (have uint64, err error) {
	err = v.call("held", func() error { have = v.m.wallet(v.place().Wallet); return nil })
	return have, err
}

func (v *view) do(_ context.Context, name string, c call) error {
	return v.call("do", func() error {
		op := &modelOp{from: v.place().Wallet, name: name, call: c, at: -1}
		if _, known := v.sent.LoadOrStore(name, op); known {
			return nil
		}
		v.m.mu.Lock()
		defer v.m.mu.Unlock()
		v.m.waiting = append(v.m.waiting, op)
		return nil
	})
}

func (v *view) done(_ context.Context, name string) (st outcome, err error) {
	err = v.call("done", func() error {
		got, ok := v.sent.Load(name)
		if !ok {
			st = outcomeNone
			return nil
		}
		op := got.(*modelOp)
		v.m.mu.Lock()
		defer v.m.mu.Unlock()
		switch {
		case op.at < 0 || op.at > v.m.finalHeight():
			st = outcomePending
		case op.bad:
			st = outcomeFailed
		default:
			st = outcomeFinal
		}
		return nil
	})
	return st, err
}

func (v *view) sound(_ context.Context, rows []claim) (good []claim, err error) {
	err = v.call("sound", func() error {
		v.m.mu.Lock()
		defer v.m.mu.Unlock()
		for _, row := range rows {
			if v.m.good(v.m.blocks[len(v.m.blocks)-1], row) {
				good = append(good, row)
			}
		}
		return nil
	})
	return good, err
}

func (v *view) cost(context.Context, int) (c uint64, err error) {
	err = v.call("cost", func() error { c = v.m.gas; return nil })
	return c, err
}

func (v *view) sign(_ context.Context, id common.Hash, w voucher) ([]byte, error) {
	sig, err := contract.Sign(v.m.at.VoucherDigest(contract.ChannelID(id), w.Cum, w.Root), v.voucher)
	return sig[:], err
}

func (v *view) signedBy(id common.Hash, w voucher) (common.Address, error) {
	sig, err := signature(w.Signature)
	if err != nil {
		return common.Address{}, err
	}
	return contract.Recover(v.m.at.VoucherDigest(contract.ChannelID(id), w.Cum, w.Root), sig)
}

func (v *view) agree(_ context.Context, id common.Hash, cum uint64) ([]byte, error) {
	sig, err := contract.Sign(v.m.at.CloseDigest(contract.ChannelID(id), cum), v.wallet)
	return sig[:], err
}

func (v *view) agreedBy(id common.Hash, cum uint64, raw []byte) (common.Address, error) {
	sig, err := signature(raw)
	if err != nil {
		return common.Address{}, err
	}
	return contract.Recover(v.m.at.CloseDigest(contract.ChannelID(id), cum), sig)
}

func (v *view) identify(t terms) common.Hash { return common.Hash(v.m.at.ChannelID(t.config())) }
