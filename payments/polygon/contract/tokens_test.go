package contract_test

import (
	"fmt"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/payments/polygon/chaintest/evm"
	"infernet.tech/infernet/payments/polygon/chaintest/tokens"
	"infernet.tech/infernet/payments/polygon/contract"
)

// call is one call of the contract, by whom it has to be made.
type call struct {
	name string
	from common.Address
	data []byte
}

// odd is a contract on the token with every bad habit, and one channel in it
// whose delay is over.
type odd struct {
	*rig
	cfg contract.Config
}

func newOdd(t *testing.T) odd {
	t.Helper()
	r := newRig(t, tokens.Odd)
	o := odd{r, config(1)}
	r.open(o.cfg, 1000)
	return o
}

func (o odd) habit(method string, args ...any) {
	o.tb.Helper()
	o.must(deployer, o.token.Address, tokens.Call(method, args...), nil)
}

// deposits are all ways to put 100 in.
func (o odd) deposits(salt uint64) []call {
	o.tb.Helper()
	payer := o.cfg.Payer
	open, err1 := contract.Open(config(salt), 100)
	up, err2 := contract.TopUp(o.at.ChannelID(o.cfg), 100)
	openBy, err3 := contract.OpenWithAuthorization(config(salt+1), 100, o.authorization(config(salt+1), 100, 1))
	upBy, err4 := contract.TopUpWithAuthorization(o.cfg, 100, o.authorization(o.cfg, 100, byte(salt)))
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			o.tb.Fatal(err)
		}
	}
	return []call{
		{"open", payer, open}, {"top up", payer, up},
		{"open by authorization", deployer, openBy}, {"top up by authorization", deployer, upBy},
	}
}

// payouts are all ways to get something out of the channel, total in all.
func (o odd) payouts(total uint64) []call {
	o.tb.Helper()
	v := o.voucher(o.cfg, total, 1)
	one, err1 := contract.Redeem(o.cfg, v)
	many, err2 := contract.RedeemMany(o.cfg.Payee, []contract.Redemption{{Config: o.cfg, Voucher: v}})
	both, err3 := o.agreed(o.cfg, total)
	finish, err4 := contract.FinishClose(o.cfg)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			o.tb.Fatal(err)
		}
	}
	return []call{{"redeem", deployer, one}, {"redeem many", deployer, many}, {"close cooperatively", deployer, both}, {"finish close", deployer, finish}}
}

// close starts the close and lets its delay pass.
func (o odd) close() {
	o.tb.Helper()
	data, err := contract.StartClose(o.cfg)
	o.must(o.cfg.Payer, o.at.Address, data, err)
	o.now += o.cfg.Delay
}

// TestOddDeposits holds I8: what does not bring in the amount is no deposit.
func TestOddDeposits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		habit string
		arg   any
		want  contract.Refusal
		also  contract.Refusal // by authorization, where a token returns nothing
	}{
		"fee on transfer": {"setFee(uint256)", uint64(1), named("WrongDeposit"), named("WrongDeposit")},
		"moves nothing":   {"setIdle(bool)", true, named("WrongDeposit"), named("WrongDeposit")},
		"returns false":   {"setAnswer(uint8)", uint64(1), named("another error"), contract.Refusal{}},
		"short return":    {"setAnswer(uint8)", uint64(3), named("another error"), contract.Refusal{}},
		"no return":       {"setAnswer(uint8)", uint64(2), contract.Refusal{}, contract.Refusal{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOdd(t)
			o.habit(c.habit, c.arg)
			for i, d := range o.deposits(10) {
				want := c.want
				if i >= 2 {
					want = c.also
				}
				before, held := o.channel(o.cfg), o.balance(o.at.Address)
				if want == (contract.Refusal{}) {
					o.must(d.from, o.at.Address, d.data, nil)
					if got := o.balance(o.at.Address); got != held+100 {
						t.Errorf("%s: the contract holds %d after %d", d.name, got, held)
					}
					continue
				}
				o.refused(want, d.from, o.at.Address, d.data, nil)
				if o.channel(o.cfg) != before || o.balance(o.at.Address) != held {
					t.Errorf("%s: something stayed behind", d.name)
				}
			}
		})
	}
}

// TestOddPayouts holds that a payout which the token does not make leaves all as
// it was, and can be made once the token comes to its senses.
func TestOddPayouts(t *testing.T) {
	t.Parallel()
	for _, habit := range []string{"false", "short", "refused"} {
		for i, name := range []string{"redeem", "redeem many", "close cooperatively", "finish close"} {
			t.Run(habit+"/"+name, func(t *testing.T) {
				t.Parallel()
				o := newOdd(t)
				o.close()
				before, p := o.channel(o.cfg), o.payouts(400)[i]
				switch habit {
				case "false":
					o.habit("setAnswer(uint8)", uint64(1))
				case "short":
					o.habit("setAnswer(uint8)", uint64(3))
				case "refused":
					o.habit("refuse(address,bool)", o.cfg.Payee, true)
					o.habit("refuse(address,bool)", o.cfg.Payer, true)
				}
				o.refused(named("another error"), p.from, o.at.Address, p.data, nil)
				if got := o.channel(o.cfg); got != before {
					t.Fatalf("%+v after %+v", got, before)
				}
				o.habit("setAnswer(uint8)", uint64(0))
				o.habit("refuse(address,bool)", o.cfg.Payee, false)
				o.habit("refuse(address,bool)", o.cfg.Payer, false)
				o.must(p.from, o.at.Address, p.data, nil)
			})
		}
	}
}

// TestRefusedPayer holds that a payer whom the token refuses cannot keep the
// payee from its money.
func TestRefusedPayer(t *testing.T) {
	t.Parallel()
	o := newOdd(t)
	o.habit("refuse(address,bool)", o.cfg.Payer, true)
	data, err := contract.Redeem(o.cfg, o.voucher(o.cfg, 700, 1))
	before := o.balance(o.cfg.Payee)
	o.must(deployer, o.at.Address, data, err)
	if got := o.balance(o.cfg.Payee); got != before+700 {
		t.Fatalf("the payee got %d", got-before)
	}
}

// TestReentrancy holds I9: a token that calls back in the middle of any of the
// contract's calls, with any other of them, is turned away, and nothing is paid
// twice.
func TestReentrancy(t *testing.T) {
	t.Parallel()
	names := []string{"open", "top up", "open by authorization", "top up by authorization", "redeem", "redeem many", "close cooperatively", "finish close"}
	for outer := range names {
		for inner := range names {
			t.Run(fmt.Sprintf("%s in %s", names[inner], names[outer]), func(t *testing.T) {
				o := newOdd(t)
				o.close()
				first := append(o.deposits(10), o.payouts(400)...)[outer]
				second := append(o.deposits(20), o.payouts(500)...)[inner]
				sum := o.balance(o.cfg.Payer) + o.balance(o.cfg.Payee) + o.balance(o.at.Address)
				o.habit("setHook(address,bytes)", o.at.Address, second.data)
				o.must(first.from, o.at.Address, first.data, nil)

				ret, _, err := o.send(deployer, o.token.Address, tokens.Call("hookOk()"))
				if err != nil || len(ret) != 32 || ret[31] != 0 {
					t.Fatalf("the call from within went through: %x, %v", ret, err)
				}
				if ret, _, err = o.send(deployer, o.token.Address, tokens.Call("hookAnswer()")); err != nil || len(ret) < 96 {
					t.Fatalf("%x, %v", ret, err)
				}
				// The token, not the payer, calls: its open is refused for that.
				if got := refusal(ret[64 : 64+ret[63]]); got.Name != "ReentrancyGuardReentrantCall" {
					t.Fatalf("the call from within: %v", got)
				}
				if got := o.balance(o.cfg.Payer) + o.balance(o.cfg.Payee) + o.balance(o.at.Address); got != sum {
					t.Fatalf("%d tokens of %d", got, sum)
				}
				if s := o.channel(o.cfg); s.Claimed > 400 {
					t.Fatalf("%d were claimed", s.Claimed)
				}
			})
		}
	}
}

// TestBadRows holds I10: whatever is wrong with a row, and wherever it stands,
// the others are paid.
func TestBadRows(t *testing.T) {
	t.Parallel()
	const n = 5
	for _, bad := range []contract.Reason{contract.UnknownChannel, contract.ChannelClosed, contract.Stale, contract.OverBalance, contract.BadSignature} {
		for at := range n {
			t.Run(fmt.Sprintf("%v at %d", bad, at), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, tokens.USDC)
				var rows []contract.Redemption
				for i := range n {
					cfg := config(uint64(i + 1))
					total := uint64(100 + i)
					if i != at || bad != contract.UnknownChannel {
						r.open(cfg, 1000)
					}
					if i == at {
						total = spoil(r, cfg, bad, total)
					}
					by := 1
					if i == at && bad == contract.BadSignature {
						by = 0
					}
					rows = append(rows, contract.Redemption{Config: cfg, Voucher: r.voucher(cfg, total, by)})
				}
				payee := evm.Address(2)
				before := r.balance(payee)
				data, err := contract.RedeemMany(payee, rows)
				logs := r.must(deployer, r.at.Address, data, err)
				if got, want := r.balance(payee)-before, uint64(100*n+n*(n-1)/2-100-at); got != want {
					t.Errorf("%d were paid, not %d", got, want)
				}
				var skipped []contract.RedeemSkipped
				for _, l := range logs {
					if e, err := r.at.ParseLog(*l); err == nil {
						if s, ok := e.(contract.RedeemSkipped); ok {
							skipped = append(skipped, s)
						}
					}
				}
				if len(skipped) != 1 || skipped[0] != (contract.RedeemSkipped{Channel: r.at.ChannelID(rows[at].Config), Reason: bad}) {
					t.Errorf("skipped: %+v", skipped)
				}
			})
		}
	}
}

// spoil brings the channel to where a voucher is worth nothing for that reason,
// and returns the voucher's total.
func spoil(r *rig, cfg contract.Config, bad contract.Reason, total uint64) uint64 {
	r.tb.Helper()
	switch bad {
	case contract.ChannelClosed:
		data, err := r.agreed(cfg, 0)
		r.must(deployer, r.at.Address, data, err)
	case contract.Stale:
		data, err := contract.Redeem(cfg, r.voucher(cfg, total, 1))
		r.must(deployer, r.at.Address, data, err)
	case contract.OverBalance:
		return 1001
	}
	return total
}
