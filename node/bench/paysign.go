package bench

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments/polygon/contract"
)

// signCosts are processor times in microseconds.
type signCosts struct{ sign, verify, voucherSign, voucherRecover float64 }

// note is what both sides of a note spend: the note and its countersignature,
// each made once and checked once.
func (c signCosts) note() float64 { return 2*c.sign + 2*c.verify }

// voucher is the same of a voucher: its document, the countersignature, and the
// signature that the chain takes.
func (c signCosts) voucher() float64 { return c.note() + c.voucherSign + c.voucherRecover }

// payContract is where vouchers of the benchmark are good: nowhere.
func payContract() contract.Contract { return contract.At(1337, common.Address{0xbe, 0x4c}) }

// paySignatures measures each kind n times.
func paySignatures(n int) (c signCosts, err error) {
	key, err := identity.Generate()
	if err != nil {
		return c, err
	}
	hot, err := crypto.GenerateKey()
	if err != nil {
		return c, err
	}
	sig, err := key.Sign([32]byte{1})
	if err != nil {
		return c, err
	}
	at, channel, by := payContract(), contract.ChannelID{1}, crypto.PubkeyToAddress(hot.PublicKey)
	vsig, err := contract.Sign(at.VoucherDigest(channel, 1, [32]byte{2}), hot)
	if err != nil {
		return c, err
	}
	for _, part := range []struct {
		into *float64
		do   func(int) error
	}{
		{&c.sign, func(i int) error { _, err := key.Sign([32]byte{byte(i)}); return err }},
		{&c.verify, func(int) error {
			if !identity.Verify(key.PubKey(), [32]byte{1}, sig) {
				return fmt.Errorf("%w: signature not verified", ErrJob)
			}
			return nil
		}},
		{&c.voucherSign, func(i int) error {
			_, err := contract.Sign(at.VoucherDigest(channel, uint64(i), [32]byte{2}), hot)
			return err
		}},
		{&c.voucherRecover, func(int) error {
			return contract.Verify(at.VoucherDigest(channel, 1, [32]byte{2}), vsig, by)
		}},
	} {
		if *part.into, err = stopwatch(n, part.do); err != nil {
			return c, err
		}
	}
	return c, nil
}

// payWay is a way to settle before it is summarised.
type payWay struct {
	PayWay
	does              func(signCosts) float64 // microseconds of signatures by both sides
	per, bound, ratio []float64
	wall              []float64
}

// payWays measures signatures and ways in turns, so that each round has its own
// baseline.
func payWays(ctx context.Context, cfg PayConfig, dir string) ([]PaySignature, []PayWay, error) {
	ways := newPayWays(cfg)
	var sign, verify, voucherSign, voucherRecover []float64
	for n := range cfg.Rounds {
		cfg.Report(fmt.Sprintf("round %d of %d: %d payments each way", n+1, cfg.Rounds, cfg.Payments))
		c, err := paySignatures(cfg.Signatures)
		if err != nil {
			return nil, nil, err
		}
		sign, verify = append(sign, c.sign), append(verify, c.verify)
		voucherSign, voucherRecover = append(voucherSign, c.voucherSign), append(voucherRecover, c.voucherRecover)
		for i, disk := range []bool{false, true} {
			if err := payRound(ctx, cfg, dir, disk, c, ways[waysPerStore*i:waysPerStore*(i+1)]); err != nil {
				return nil, nil, err
			}
		}
	}
	out := make([]PayWay, 0, len(ways))
	for _, w := range ways {
		w.PerSecond, w.SignaturesAlone, w.Ratio = summarise(w.per), summarise(w.bound), summarise(w.ratio)
		w.Wall = summarise(w.wall)
		out = append(out, w.PayWay)
	}
	return []PaySignature{
		{"sign", "of a document: Schnorr over secp256k1 (BIP-340)", summarise(sign)},
		{"verify", "of a document", summarise(verify)},
		{"voucher sign", "EIP-712 digest and ECDSA over secp256k1", summarise(voucherSign)},
		{"voucher recover", "EIP-712 digest and the signer's address", summarise(voucherRecover)},
	}, out, nil
}

// Aims of the ways, settlements a second of a core.
const (
	creditAim  = 5000
	voucherAim = 2000
)

// waysPerStore are the three ways alone and the two in company.
const waysPerStore = 5

// newPayWays are the ways in memory, then those on disk. In company one note, and
// one voucher, is for as many payments as wait at the same time.
func newPayWays(cfg PayConfig) []*payWay {
	var ways []*payWay
	for _, store := range []string{"memory", "disk"} {
		for _, w := range []payWay{
			{PayWay: PayWay{Name: "credit", Aim: creditAim, What: "expected, noted, countersigned, netted"}, does: signCosts.note},
			{PayWay: PayWay{Name: "voucher", Aim: voucherAim, What: "a noted debt made good by a voucher"}, does: signCosts.voucher},
			{PayWay: PayWay{Name: "note and voucher", Aim: voucherAim, What: "a shard's whole payment: note, then voucher"},
				does: func(c signCosts) float64 { return c.note() + c.voucher() }},
			{PayWay: PayWay{Name: "credit in company", Aim: creditAim, Together: cfg.Together, What: "the same, many to a payee at once: one note for those that wait"},
				does: func(c signCosts) float64 { return c.note() / float64(min(cfg.Together, wire.MaxLines)) }},
			{PayWay: PayWay{Name: "voucher in company", Aim: voucherAim, Together: cfg.Together, What: "notes in company, then one voucher for them"},
				does: func(c signCosts) float64 {
					return c.note()/float64(min(cfg.Together, wire.MaxLines)) + c.voucher()/float64(cfg.Together)
				}},
		} {
			w.Store, w.Channels, w.Together = store, cfg.Channels, max(w.Together, 1)
			ways = append(ways, &w)
		}
	}
	return ways
}
