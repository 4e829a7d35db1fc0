package polygon

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/payments/polygon/contract"
)

// benchConfig looks at the chain as often as a node does.
func benchConfig() Config {
	cfg, d := testConfig(), Default()
	cfg.FreshAge, cfg.StateAge = d.FreshAge, d.StateAge
	cfg.Account.Limit = 1 << 40
	return cfg
}

// BenchmarkVoucher is one settlement by both sides in one process: the payer
// writes down, signs and enters, the payee checks, writes and countersigns.
func BenchmarkVoucher(b *testing.B) {
	w := newWorld(b)
	payer, payee := w.add(benchConfig()), w.add(benchConfig())
	payer.ready(payee, "j/0/0", 1)
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		payer.work(payee, fmt.Sprintf("j/%d/0", i), 1)
		b.StartTimer()
		payer.settle(payee)
	}
}

// BenchmarkPay is a shard's payment from the expectation to the voucher's
// countersignature, by both sides in one process.
func BenchmarkPay(b *testing.B) {
	w := newWorld(b)
	payer, payee := w.add(benchConfig()), w.add(benchConfig())
	payer.ready(payee, "j/0/0", 1)
	for i := 0; b.Loop(); i++ {
		payer.work(payee, fmt.Sprintf("j/%d/0", i), 1)
		payer.settle(payee)
	}
}

// BenchmarkAccept is the payee's part of a settlement: a voucher comes in, its
// countersignature goes out.
func BenchmarkAccept(b *testing.B) {
	w := newWorld(b)
	payer, payee := w.add(benchConfig()), w.add(benchConfig())
	payer.ready(payee, "j/0/0", 1)
	payer.work(payee, "j/0/0", 1)
	payer.settle(payee)
	for i := 1; b.Loop(); i++ {
		b.StopTimer()
		payer.work(payee, fmt.Sprintf("j/%d/0", i), 1)
		f := w.honest(payer, payee)
		sig, err := contract.Sign(w.at().VoucherDigest(contract.ChannelID(f.channel), f.doc.Cumulative, f.doc.Root), f.key)
		if err != nil {
			b.Fatal(err)
		}
		f.doc.Signature = sig.String()
		e, err := wire.Seal(payer.key, f.doc, w.now())
		if err != nil {
			b.Fatal(err)
		}
		raw := e.Bytes()
		b.StartTimer()
		if e, err = wire.Parse(raw); err != nil { // as it comes from the stream
			b.Fatal(err)
		}
		a, err := payee.now().takeVoucher(context.Background(), payer.id(), e)
		if err != nil || a.Kind != wire.KindCountersign {
			b.Fatalf("%s %v", a.Bytes(), err)
		}
		b.StopTimer()
		payer.settle(payee)
		b.StartTimer()
	}
}

func benchKey(b *testing.B) *ecdsa.PrivateKey {
	key, err := crypto.GenerateKey()
	if err != nil {
		b.Fatal(err)
	}
	return key
}

// BenchmarkSign is the signature of a voucher by a key in memory.
func BenchmarkSign(b *testing.B) {
	key, err := chain.NewKeySigner(crypto.FromECDSA(benchKey(b)))
	if err != nil {
		b.Fatal(err)
	}
	o := &onchain{at: contract.At(137, common.HexToAddress("0xc0ffee")), voucher: key}
	for i := 0; b.Loop(); i++ {
		if _, err := o.sign(context.Background(), common.Hash{1}, voucher{Cum: uint64(i + 1)}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecover is the check of a voucher's signature.
func BenchmarkRecover(b *testing.B) {
	at, key := contract.At(137, common.HexToAddress("0xc0ffee")), benchKey(b)
	sig, err := contract.Sign(at.VoucherDigest(contract.ChannelID{1}, 5, [32]byte{}), key)
	if err != nil {
		b.Fatal(err)
	}
	o := &onchain{at: at}
	for b.Loop() {
		if by, err := o.signedBy(common.Hash{1}, voucher{Cum: 5, Signature: sig[:]}); err != nil || by != crypto.PubkeyToAddress(key.PublicKey) {
			b.Fatal(by, err)
		}
	}
}
