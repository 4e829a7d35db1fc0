package contract_test

import (
	"bytes"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/payments/polygon/chaintest/evm"
	"infernet.tech/infernet/payments/polygon/chaintest/tokens"
	"infernet.tech/infernet/payments/polygon/contract"
)

// FuzzSignature holds that the contract takes a signature exactly if Verify does.
func FuzzSignature(f *testing.F) {
	r := newRig(f, tokens.USDC)
	cfg := config(1)
	id := r.open(cfg, 1000)
	good := r.voucher(cfg, 100, 1)
	high := twin(good.Signature)
	f.Add(good.Signature[:])
	f.Add(high[:])
	f.Add(make([]byte, 65))
	digest := r.at.VoucherDigest(id, 100, good.Root)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s contract.Signature
		copy(s[:], raw)
		reasons, err := r.at.Check(t.Context(), r, cfg.Payee, []contract.Redemption{{Config: cfg, Voucher: contract.Voucher{Cumulative: 100, Root: good.Root, Signature: s}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if here := contract.Verify(digest, s, cfg.Signer) == nil; here != (reasons[0] == contract.None) {
			t.Fatalf("%s: %t here, %v there", s, here, reasons[0])
		}
	})
}

// FuzzRows gives redeemMany any bytes as rows: it says BadRows or skips them
// all, and nothing moves.
func FuzzRows(f *testing.F) {
	r := newRig(f, tokens.USDC)
	cfg := config(1)
	r.open(cfg, 1000)
	v := r.voucher(cfg, 100, 0) // not the signer's
	data, err := contract.RedeemMany(cfg.Payee, []contract.Redemption{{Config: cfg, Voucher: v}})
	if err != nil {
		f.Fatal(err)
	}
	head := data[:4+2*32]
	f.Add(data[4+3*32 : 4+3*32+162])
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, rows []byte) {
		r.tb = t
		if len(rows) > 162*40 {
			return
		}
		length := common.LeftPadBytes([]byte{byte(len(rows) >> 8), byte(len(rows))}, 32)
		call := bytes.Join([][]byte{head, length, rows, make([]byte, (32-len(rows)%32)%32)}, nil)
		before, held := r.channel(cfg), r.balance(r.at.Address)
		ret, _, err := r.send(evm.Address(9), r.at.Address, call)
		if bad := len(rows)%162 != 0; bad != (err != nil) || bad && refusal(ret).Name != "BadRows" {
			t.Fatalf("%d bytes: %v, %v", len(rows), err, refusal(ret))
		}
		if r.channel(cfg) != before || r.balance(r.at.Address) != held {
			t.Fatal("something moved")
		}
	})
}

// FuzzParseLog holds that no log makes ParseLog panic or give a channel another
// id than its own.
func FuzzParseLog(f *testing.F) {
	at := contract.At(chainID, evm.Address(0))
	for _, e := range []string{
		"Opened(bytes32,address,address,address,uint40,uint64,uint96)", "ToppedUp(bytes32,uint96,uint96)", "Redeemed(bytes32,uint96,bytes32)",
		"RedeemSkipped(bytes32,uint8)", "CloseStarted(bytes32,uint40)", "ChannelClosed(bytes32,uint96,uint96)",
	} {
		for words := range 5 {
			f.Add(crypto.Keccak256([]byte(e)), bytes.Repeat([]byte{0, 0, 0, 1}, 24), bytes.Repeat([]byte{0, 0, 0, 3}, 8*words))
		}
	}
	f.Fuzz(func(t *testing.T, kind, topics, data []byte) {
		l := types.Log{Address: at.Address, Topics: []common.Hash{common.BytesToHash(kind)}, Data: data}
		for ; len(topics) >= 32 && len(l.Topics) < 6; topics = topics[32:] {
			l.Topics = append(l.Topics, common.Hash(topics[:32]))
		}
		e, err := at.ParseLog(l)
		if (e == nil) != (err != nil) {
			t.Fatalf("%v with %v", e, err)
		}
		if e == nil {
			return
		}
		if e.ID() != contract.ChannelID(l.Topics[1]) {
			t.Fatalf("%s for %s", e.ID(), l.Topics[1])
		}
		if o, ok := e.(contract.Opened); ok && at.ChannelID(o.Config) != o.Channel {
			t.Fatalf("%+v", o)
		}
	})
}

// FuzzParseText holds that ids and signatures have one text each.
func FuzzParseText(f *testing.F) {
	f.Add(contract.ChannelID{1}.String())
	f.Add(contract.Signature{1}.String())
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := contract.ParseChannelID(s); err == nil && id.String() != s {
			t.Fatalf("%q is read as %s", s, id)
		}
		if sig, err := contract.ParseSignature(s); err == nil && sig.String() != s {
			t.Fatalf("%q is read as %s", s, sig)
		}
		_, _ = contract.ParseRevert([]byte(s))
	})
}
