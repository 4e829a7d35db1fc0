package contract_test

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/payments/polygon/chaintest/evm"
	"infernet.tech/infernet/payments/polygon/contract"
)

// chooser is where a sequence takes its choices from: chance, or a fuzzer.
type chooser interface{ n(below int) int }

// lane is what the world expects of one channel.
type lane struct {
	cfg      contract.Config
	id       contract.ChannelID
	slot     common.Hash
	signer   int // whose key signs its vouchers
	payer    int
	payee    int
	want     contract.State
	vouchers []contract.Voucher // signed so far, good ones
	auths    []deposit          // consents used up
}

type deposit struct {
	amount uint64
	auth   contract.Authorization
}

func (l *lane) closed() bool { return l.want.CloseAt == contract.Closed }

// world is the contract beside a model of it in plain Go: each step does the
// same to both and then compares all that there is.
type world struct {
	*rig
	pick  chooser
	lanes []*lane
	holds map[common.Address]uint64 // tokens of everybody
	in    uint64                    // all deposits
	out   uint64                    // all payouts
	back  uint64                    // all refunds
	given uint64                    // tokens sent to the contract for nothing
	salt  uint64
	done  map[string]int // steps by what they did
	trace []string
}

const (
	payers  = 3 // accounts 0-2
	signers = 3 // accounts 3-5
	payees  = 2 // accounts 6-7
	lanes   = 24
)

// newWorld starts from a copy of base: setting one up takes longer than a step.
func newWorld(tb testing.TB, base *rig, pick chooser) *world {
	tb.Helper()
	m := *base.machine
	m.tb, m.state = tb, m.state.Copy()
	w := &world{rig: &rig{&m, base.token, base.at}, pick: pick, holds: map[common.Address]uint64{}, done: map[string]int{}}
	for i := range 8 {
		w.holds[evm.Address(i)] = evm.Mint
	}
	w.holds[w.at.Address] = 0
	return w
}

func (w *world) fatalf(format string, args ...any) {
	w.tb.Helper()
	last := w.trace[max(0, len(w.trace)-12):]
	w.tb.Fatalf("%s\nafter %d steps, the last:\n%s", fmt.Sprintf(format, args...), len(w.trace), join(last))
}

func join(lines []string) string {
	var all string
	for _, l := range lines {
		all += "\t" + l + "\n"
	}
	return all
}

// do sends a call of which want says what should come of it, and reports
// whether it was to succeed; zero is success.
func (w *world) do(what string, from common.Address, data []byte, err error, want contract.Refusal) bool {
	w.tb.Helper()
	w.trace = append(w.trace, fmt.Sprintf("%s: %v", what, want))
	w.done[what]++
	if err != nil {
		w.fatalf("%s: %v", what, err)
	}
	ret, logs, err := w.send(from, w.at.Address, data)
	w.checkLogs(logs)
	switch {
	case want == contract.Refusal{} && err != nil:
		w.fatalf("%s: %v: %v (%x)", what, err, refusal(ret), ret)
	case want != contract.Refusal{} && err == nil:
		w.fatalf("%s went through, not %v", what, want)
	case want != contract.Refusal{} && refusal(ret) != want:
		w.fatalf("%s: %v (%x), not %v", what, refusal(ret), ret, want)
	}
	return want == contract.Refusal{}
}

// checkLogs holds that the contract's own events, and no others, can be read.
func (w *world) checkLogs(logs []*types.Log) {
	w.tb.Helper()
	for _, l := range logs {
		e, err := w.at.ParseLog(*l)
		switch {
		case l.Address != w.at.Address && err == nil:
			w.fatalf("log of another contract read as %+v", e)
		case l.Address == w.at.Address && err != nil:
			w.fatalf("own log: %v", err)
		}
	}
}

func (w *world) lane() *lane {
	if len(w.lanes) == 0 {
		return nil
	}
	return w.lanes[w.pick.n(len(w.lanes))]
}

// amount is mostly small, sometimes an edge.
func (w *world) amount() uint64 {
	switch w.pick.n(8) {
	case 0:
		return 1
	case 1:
		return evm.Mint // more than most have left
	default:
		return 1 + uint64(w.pick.n(100_000))
	}
}

// slotOf is where the contract keeps a channel: its mapping lies behind the two
// strings of OpenZeppelin's EIP712.
func slotOf(id contract.ChannelID) common.Hash {
	return crypto.Keccak256Hash(id[:], common.BigToHash(big.NewInt(2)).Bytes())
}

// stored reads a channel's word from the state itself.
func (w *world) stored(l *lane) contract.State {
	word := w.state.GetState(w.at.Address, l.slot)
	if word[0]|word[1]|word[2]|word[8]|word[9]|word[10]|word[11]|word[20]|word[21]|word[22]|word[23] != 0 {
		w.fatalf("channel %s is stored as %s", l.id, word)
	}
	return contract.State{
		Balance: binary.BigEndian.Uint64(word[24:]), Claimed: binary.BigEndian.Uint64(word[12:]),
		CloseAt: binary.BigEndian.Uint64(append(make([]byte, 3), word[3:8]...)),
	}
}

// check holds I1, I2, I3 and that the contract is what the model says.
func (w *world) check() {
	w.tb.Helper()
	var locked uint64
	for _, l := range w.lanes {
		got := w.stored(l)
		if got != l.want {
			w.fatalf("channel %s is %+v, not %+v", l.id, got, l.want)
		}
		if got.Claimed > got.Balance {
			w.fatalf("I2: channel %s: %+v", l.id, got)
		}
		locked += got.Balance - got.Claimed
	}
	if held := w.balance(w.at.Address); held != locked+w.given {
		w.fatalf("I1: the contract holds %d, its channels %d and gifts %d", held, locked, w.given)
	}
	if w.out+w.back+locked != w.in {
		w.fatalf("I3: %d paid, %d refunded and %d locked of %d", w.out, w.back, locked, w.in)
	}
}

// checkHolders compares everybody's tokens.
func (w *world) checkHolders() {
	w.tb.Helper()
	for who, want := range w.holds {
		if got := w.balance(who); got != want {
			w.fatalf("%s holds %d, not %d", who, got, want)
		}
	}
	for _, l := range w.lanes {
		if got := w.channel(l.cfg); got != l.want {
			w.fatalf("channel %s is said to be %+v, not %+v", l.id, got, l.want)
		}
	}
}

// move books a payment between two holders in the model.
func (w *world) move(from, to common.Address, amount uint64) {
	w.holds[from] -= amount
	w.holds[to] += amount
}

// deposited books a deposit.
func (w *world) deposited(l *lane, from common.Address, amount uint64) {
	l.want.Balance += amount
	w.in += amount
	w.move(from, w.at.Address, amount)
}

// claimed books what a redemption pays.
func (w *world) claimed(l *lane, total uint64) {
	paid := total - l.want.Claimed
	l.want.Claimed = total
	w.out += paid
	w.move(w.at.Address, l.cfg.Payee, paid)
}

// finished books a close.
func (w *world) finished(l *lane) {
	rest := l.want.Balance - l.want.Claimed
	w.back += rest
	w.move(w.at.Address, l.cfg.Payer, rest)
	l.want = contract.State{Balance: l.want.Claimed, Claimed: l.want.Claimed, CloseAt: contract.Closed}
}

// verdict is what the contract should say of a good signature for total.
func (l *lane) verdict(total uint64) contract.Reason {
	switch {
	case l.closed():
		return contract.ChannelClosed
	case l.want.Balance == 0:
		return contract.UnknownChannel
	case total <= l.want.Claimed:
		return contract.Stale
	case total > l.want.Balance:
		return contract.OverBalance
	}
	return contract.None
}

// run does steps, looking at everything after each, while more says so.
func (w *world) run(more func() bool) {
	w.tb.Helper()
	all := []func(){
		w.openStep, w.openStep, w.authStep, w.topUpStep, w.topUpStep, w.redeemStep, w.redeemStep, w.redeemStep, w.redeemStep,
		w.badVoucherStep, w.badVoucherStep, w.batchStep, w.batchStep, w.startCloseStep, w.finishCloseStep, w.finishCloseStep,
		w.cooperateStep, w.timeStep, w.timeStep, w.giftStep, w.foreignAuthStep, w.badOpenStep,
	}
	for i := 0; more(); i++ {
		all[w.pick.n(len(all))]()
		w.check()
		if i%256 == 0 {
			w.checkHolders()
		}
		w.retire()
	}
}

// retire forgets a closed channel when there are many, its reuse being tried
// before: steps stay quick.
func (w *world) retire() {
	if len(w.lanes) <= lanes {
		return
	}
	if i := slices.IndexFunc(w.lanes, (*lane).closed); i >= 0 {
		l := w.lanes[i]
		w.in -= l.want.Claimed
		w.out -= l.want.Claimed
		data, err := contract.Open(l.cfg, 1)
		w.do("reopen", l.cfg.Payer, data, err, named("ChannelExists"))
		w.lanes = slices.Delete(w.lanes, i, i+1)
	}
}

// drain closes all and holds that nothing stays behind but gifts (I12).
func (w *world) drain() {
	w.tb.Helper()
	for _, l := range w.lanes {
		if l.want.CloseAt == 0 {
			data, err := contract.StartClose(l.cfg)
			w.do("start close", l.cfg.Payer, data, err, contract.Refusal{})
		}
	}
	w.now += contract.MaxDelay
	for _, l := range w.lanes {
		if !l.closed() {
			data, err := contract.FinishClose(l.cfg)
			w.do("finish close", deployer, data, err, contract.Refusal{})
			l.want.CloseAt = 1 // whatever it was
			w.finished(l)
		}
	}
	w.check()
	w.checkHolders()
	if held := w.balance(w.at.Address); held != w.given {
		w.fatalf("I12: %d tokens stay behind, of which %d were gifts", held, w.given)
	}
	if !w.state.GetBalance(w.at.Address).IsZero() {
		w.fatalf("I12: ether stays behind")
	}
}
