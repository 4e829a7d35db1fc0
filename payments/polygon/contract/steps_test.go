package contract_test

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/payments/polygon/chaintest/evm"
	"infernet.tech/infernet/payments/polygon/contract"
)

// fresh is a channel that was not opened yet.
func (w *world) fresh() *lane {
	w.salt++
	l := &lane{payer: w.pick.n(payers), signer: payers + w.pick.n(signers), payee: payers + signers + w.pick.n(payees)}
	l.cfg = contract.Config{
		Payer: evm.Address(l.payer), Signer: evm.Address(l.signer), Payee: evm.Address(l.payee),
		Delay: minDelay + uint64(w.pick.n(5000)), Salt: w.salt,
	}
	l.id = w.at.ChannelID(l.cfg)
	l.slot = slotOf(l.id)
	return l
}

// afford is what a deposit comes to: the token's own error where there is too
// little.
func (w *world) afford(from common.Address, amount uint64) contract.Refusal {
	if w.holds[from] < amount {
		return named("another error")
	}
	return contract.Refusal{}
}

func (w *world) openStep() {
	l, amount := w.fresh(), w.amount()
	data, err := contract.Open(l.cfg, amount)
	if w.pick.n(8) == 0 {
		w.do("open for another", deployer, data, err, named("NotPayer"))
	}
	if w.do("open", l.cfg.Payer, data, err, w.afford(l.cfg.Payer, amount)) {
		w.lanes = append(w.lanes, l)
		w.deposited(l, l.cfg.Payer, amount)
	}
}

func (w *world) badOpenStep() {
	l, amount := w.fresh(), w.amount()
	want := named("BadConfig")
	switch w.pick.n(4) {
	case 0:
		l.cfg.Delay = minDelay - 1
	case 1:
		l.cfg.Payee = w.at.Address
	case 2:
		if o := w.lane(); o != nil {
			l, want = o, named("ChannelExists")
		}
		if want.Name == "BadConfig" {
			return
		}
	case 3:
		// No Go code would send these: zeros after the selector.
		data := append(crypto.Keccak256([]byte("open((address,address,address,uint40,uint64),uint96)"))[:4], make([]byte, 6*32)...)
		w.do("open nothing", common.Address{}, data, nil, want)
		return
	}
	data, err := contract.Open(l.cfg, amount)
	w.do("bad open", l.cfg.Payer, data, err, want)
}

// consent is the payer's authorization for a deposit.
func (w *world) consent(l *lane, amount uint64) deposit {
	w.salt++
	d := deposit{amount, contract.Authorization{ValidBefore: w.now + 1 + uint64(w.pick.n(5000)), Salt: common.BigToHash(new(big.Int).SetUint64(w.salt))}}
	d.auth.Signature = w.sign(w.token.AuthorizationDigest(w.at, l.cfg, amount, d.auth), l.payer)
	return d
}

func (w *world) sign(digest common.Hash, by int) contract.Signature {
	s, err := contract.Sign(digest, evm.Key(by))
	if err != nil {
		w.fatalf("%v", err)
	}
	return s
}

// authStep opens or tops up by authorization, and tries the same consent again
// (I11).
func (w *world) authStep() {
	l, method := w.lane(), contract.TopUpWithAuthorization
	if l == nil || w.pick.n(2) == 0 {
		l, method = w.fresh(), contract.OpenWithAuthorization
	}
	d := w.consent(l, w.amount())
	want := w.afford(l.cfg.Payer, d.amount)
	if l.closed() {
		want = because(contract.ChannelClosed)
	}
	opening := l.want.Balance == 0 && !l.closed()
	data, err := method(l.cfg, d.amount, d.auth)
	if !w.do("deposit by authorization", deployer, data, err, want) {
		return
	}
	if opening {
		w.lanes = append(w.lanes, l)
	}
	w.deposited(l, l.cfg.Payer, d.amount)
	l.auths = append(l.auths, d)
	data, err = contract.TopUpWithAuthorization(l.cfg, d.amount, d.auth)
	w.do("authorization again", deployer, data, err, named("another error"))
}

// foreignAuthStep brings a consent to another channel, for another amount or
// straight to the token (I11).
func (w *world) foreignAuthStep() {
	a, b := w.lane(), w.lane()
	if a == nil || a.closed() || b.closed() {
		return
	}
	d := w.consent(a, 1+uint64(w.pick.n(100)))
	switch w.pick.n(3) {
	case 0:
		if a == b {
			return
		}
		data, err := contract.TopUpWithAuthorization(b.cfg, d.amount, d.auth)
		w.do("authorization of another channel", deployer, data, err, named("another error"))
	case 1:
		data, err := contract.TopUpWithAuthorization(a.cfg, d.amount+1, d.auth)
		w.do("authorization of another amount", deployer, data, err, named("another error"))
	case 2:
		for _, method := range []string{"receiveWithAuthorization", "transferWithAuthorization"} {
			if _, _, err := w.send(deployer, w.token.Address, w.atToken(method, a, d)); err == nil {
				w.fatalf("%s outside of the contract went through", method)
			}
		}
	}
}

func (w *world) topUpStep() {
	l := w.lane()
	if l == nil {
		return
	}
	from, amount := evm.Address(w.pick.n(8)), w.amount()
	want := w.afford(from, amount)
	if l.closed() {
		want = because(contract.ChannelClosed)
	}
	if w.pick.n(16) == 0 {
		data, err := contract.TopUp(contract.ChannelID{1}, amount)
		w.do("top up nothing", from, data, err, because(contract.UnknownChannel))
	}
	data, err := contract.TopUp(l.id, amount)
	if w.do("top up", from, data, err, want) {
		w.deposited(l, from, amount) // I7: closeAt stays, as the model has it
	}
}

// promise is a voucher of any total, above or below what can be paid.
func (w *world) promise(l *lane) contract.Voucher {
	if len(l.vouchers) > 0 && w.pick.n(4) == 0 {
		return l.vouchers[w.pick.n(len(l.vouchers))] // an old one (I4)
	}
	var total uint64
	room := l.want.Balance - l.want.Claimed
	switch w.pick.n(8) {
	case 0:
		total = l.want.Balance + 1 + uint64(w.pick.n(10))
	case 1:
		total = 1 + uint64(w.pick.n(int(min(l.want.Balance, 1000))+1))
	case 2:
		total = max(l.want.Balance, 1)
	default:
		total = l.want.Claimed + 1 + uint64(w.pick.n(int(room)+1))/4
	}
	root := [32]byte(crypto.Keccak256Hash(l.id[:], new(big.Int).SetUint64(total).Bytes()))
	v := contract.Voucher{Cumulative: total, Root: root, Signature: w.sign(w.at.VoucherDigest(l.id, total, root), l.signer)}
	if len(l.vouchers) < 16 {
		l.vouchers = append(l.vouchers, v)
	}
	return v
}

func (w *world) redeemStep() {
	l := w.lane()
	if l == nil {
		return
	}
	v := w.promise(l)
	reason := l.verdict(v.Cumulative)
	want := contract.Refusal{}
	if reason != contract.None {
		want = because(reason)
	}
	data, err := contract.Redeem(l.cfg, v)
	if w.do("redeem", evm.Address(w.pick.n(10)), data, err, want) {
		w.claimed(l, v.Cumulative)
		w.check()
		w.do("redeem again", deployer, data, err, because(contract.Stale)) // I4
	}
}

// spoilt is a voucher that would be good but for one thing, and which (I5).
func (w *world) spoilt(l *lane) (contract.Voucher, string) {
	total := l.want.Claimed + 1
	root := [32]byte{7}
	digest := w.at.VoucherDigest(l.id, total, root)
	by, what := l.signer, ""
	switch w.pick.n(7) {
	case 0:
		by, what = l.payer, "the payer's signature"
	case 1:
		digest, what = contract.VoucherDigest(chainID+1, w.at.Address, l.id, total, root), "another chain's"
	case 2:
		digest, what = contract.VoucherDigest(chainID, w.token.Address, l.id, total, root), "another contract's"
	case 3:
		digest, what = w.at.VoucherDigest(contract.ChannelID{9}, total, root), "another channel's"
	case 4:
		digest, what = w.at.VoucherDigest(l.id, total, [32]byte{8}), "another root"
	case 5:
		digest, what = w.at.VoucherDigest(l.id, total+1, root), "another total"
	case 6:
		return contract.Voucher{Cumulative: total, Root: root, Signature: twin(w.sign(digest, by))}, "a high s"
	}
	return contract.Voucher{Cumulative: total, Root: root, Signature: w.sign(digest, by)}, what
}

// twin is the other signature that plain ecrecover takes for the same one.
func twin(s contract.Signature) contract.Signature {
	high := new(big.Int).Sub(crypto.S256().Params().N, new(big.Int).SetBytes(s[32:64]))
	high.FillBytes(s[32:64])
	s[64] ^= 27 ^ 28
	return s
}

func (w *world) badVoucherStep() {
	l := w.lane()
	if l == nil {
		return
	}
	v, what := w.spoilt(l)
	reason := l.verdict(v.Cumulative)
	if reason == contract.None {
		reason = contract.BadSignature
	}
	data, err := contract.Redeem(l.cfg, v)
	w.do("redeem "+what, deployer, data, err, because(reason))
}

// batchStep redeems many at once: the bad rows are skipped and the good ones
// paid, the same channel twice among them (I10).
func (w *world) batchStep() {
	var rows []contract.Redemption
	var of []*lane
	var spoilt []bool
	payee := evm.Address(payers + signers + w.pick.n(payees))
	for range 1 + w.pick.n(8) {
		l := w.lane()
		if l == nil {
			return
		}
		if l.cfg.Payee != payee {
			continue
		}
		bad := w.pick.n(4) == 0
		var v contract.Voucher
		if bad {
			v, _ = w.spoilt(l)
		} else {
			v = w.promise(l)
		}
		rows, of, spoilt = append(rows, contract.Redemption{Config: l.cfg, Voucher: v}), append(of, l), append(spoilt, bad)
	}
	if len(rows) == 0 {
		return
	}
	reasons, err := w.at.Check(w.tb.Context(), w, payee, rows, nil)
	if err != nil {
		w.fatalf("check: %v", err)
	}
	data, err := contract.RedeemMany(payee, rows)
	w.do("redeem many", deployer, data, err, contract.Refusal{})
	seen := map[*lane]bool{}
	for i, l := range of {
		want := l.verdict(rows[i].Voucher.Cumulative)
		if want == contract.None && spoilt[i] {
			want = contract.BadSignature
		}
		if !seen[l] && reasons[i] != want { // alone, and before the others
			w.fatalf("row %d is said to be %v, not %v", i, reasons[i], want)
		}
		seen[l] = true
		if want == contract.None {
			w.claimed(l, rows[i].Voucher.Cumulative)
		}
	}
}

func (w *world) startCloseStep() {
	l := w.lane()
	if l == nil {
		return
	}
	data, err := contract.StartClose(l.cfg)
	w.do("start close as another", l.cfg.Payee, data, err, named("NotPayer"))
	want := contract.Refusal{}
	if l.want.CloseAt != 0 {
		want = named("AlreadyClosing")
	}
	if w.do("start close", l.cfg.Payer, data, err, want) {
		l.want.CloseAt = w.now + l.cfg.Delay
	}
}

// finishCloseStep holds I6: nothing before closeAt, and until then and after it
// the payee can redeem.
func (w *world) finishCloseStep() {
	l := w.lane()
	if l == nil {
		return
	}
	want := contract.Refusal{}
	if !l.want.Closing() || w.now < l.want.CloseAt {
		want = named("NotClosable")
	}
	data, err := contract.FinishClose(l.cfg)
	if w.do("finish close", evm.Address(w.pick.n(8)), data, err, want) {
		w.finished(l)
	}
}

func (w *world) cooperateStep() {
	l := w.lane()
	if l == nil || w.pick.n(3) != 0 {
		return
	}
	total := w.promise(l).Cumulative
	if w.pick.n(8) == 0 {
		total = l.want.Claimed
	}
	digest := w.at.CloseDigest(l.id, total)
	signer, payee := w.sign(digest, l.signer), w.sign(digest, l.payee)
	want := contract.Refusal{}
	if reason := l.verdict(total); reason == contract.Stale && total == l.want.Claimed {
		// The one thing that redeeming refuses and closing takes.
	} else if reason != contract.None {
		want = because(reason)
	}
	if want == (contract.Refusal{}) && w.pick.n(3) == 0 {
		want = because(contract.BadSignature)
		switch w.pick.n(3) {
		case 0:
			signer = payee
		case 1:
			payee = signer
		case 2:
			payee = twin(payee)
		}
	}
	data, err := contract.CloseCooperative(l.cfg, total, signer, payee)
	if w.do("close cooperatively", deployer, data, err, want) {
		w.claimed(l, total)
		w.finished(l)
	}
}

func (w *world) timeStep() { w.now += uint64(w.pick.n(3000)) }

// giftStep sends tokens to the contract for nothing, and ether, which it does
// not take.
func (w *world) giftStep() {
	from, amount := evm.Address(w.pick.n(8)), 1+uint64(w.pick.n(50))
	if w.holds[from] >= amount && w.pick.n(4) == 0 {
		w.must(from, w.token.Address, w.token.Transfer(w.at.Address, amount), nil)
		w.move(from, w.at.Address, amount)
		w.given += amount
	}
	w.ether(from, 1000)
	if _, _, err := w.pay(from, w.at.Address, nil, 1+uint64(w.pick.n(999))); err == nil {
		w.fatalf("the contract took ether")
	}
}
