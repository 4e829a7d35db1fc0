package bolt11

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcutil/bech32"

	"infernet.tech/infernet/payments/lightning/ln"
)

// MaxLen is the longest invoice that is read, in characters: the largest QR code
// holds little more, and an invoice with ten routing hints needs half.
const MaxLen = 4096

// Sizes in groups of five bits.
const (
	timeGroups      = 7
	signatureGroups = 104
)

// Invoice is what a payee signed.
type Invoice struct {
	Network    string // a word, as ln.Info has it
	Payee      ln.PubKey
	Hash       ln.Hash
	AmountMsat uint64 // 0: the payer is to choose
	// Description is a stranger's text; empty where DescriptionHash stands in.
	Description        string
	DescriptionHash    ln.Hash
	HasDescriptionHash bool
	CreatedAt          time.Time
	Expiry             time.Duration // after CreatedAt
	CLTVExpiry         uint32        // blocks that the last hop asks for
	Secret             [32]byte      // of the payment (field s); zero in invoices of old
	Features           []int         // the bits that are set, ascending
}

// ExpiresAt is when the invoice should not be paid any more.
func (i Invoice) ExpiresAt() time.Time { return i.CreatedAt.Add(i.Expiry) }

// networks by the prefix of their addresses, longer ones before those that they
// begin with.
var networks = []struct{ prefix, network string }{
	{"bcrt", "regtest"}, {"bc", "mainnet"}, {"tbs", "signet"}, {"tb", "testnet"}, {"sb", "simnet"},
}

// Decode reads an invoice in either case, without a "lightning:" before it. An
// error wraps ln.ErrInvoice.
func Decode(s string) (Invoice, error) {
	inv, err := decode(s)
	if err != nil {
		return Invoice{}, fmt.Errorf("%w: %w", ln.ErrInvoice, err)
	}
	return inv, nil
}

func decode(s string) (Invoice, error) {
	if len(s) > MaxLen {
		return Invoice{}, fmt.Errorf("%d characters; at most %d are read", len(s), MaxLen)
	}
	hrp, data, err := bech32.DecodeNoLimit(s)
	if err != nil {
		return Invoice{}, err
	}
	var inv Invoice
	if err := inv.readPrefix(hrp); err != nil {
		return Invoice{}, err
	}
	if len(data) < timeGroups+signatureGroups {
		return Invoice{}, fmt.Errorf("too short")
	}
	signed, signature := data[:len(data)-signatureGroups], data[len(data)-signatureGroups:]
	inv.CreatedAt = time.Unix(int64(number(signed[:timeGroups])), 0)
	named, err := inv.readFields(signed[timeGroups:])
	if err != nil {
		return Invoice{}, err
	}
	if inv.Payee, err = signer(hrp, signed, signature, named); err != nil {
		return Invoice{}, err
	}
	return inv, nil
}

// readPrefix reads the network and the amount.
func (i *Invoice) readPrefix(hrp string) error {
	rest, ok := strings.CutPrefix(hrp, "ln")
	if !ok {
		return fmt.Errorf("%.20q does not begin with ln", hrp)
	}
	for _, n := range networks {
		amount, ok := strings.CutPrefix(rest, n.prefix)
		if !ok || (amount != "" && (amount[0] < '0' || amount[0] > '9')) {
			continue
		}
		i.Network = n.network
		if amount == "" {
			return nil
		}
		var err error
		i.AmountMsat, err = parseAmount(amount)
		return err
	}
	return fmt.Errorf("unknown network in %.20q", hrp)
}

// signer checks the signature over prefix and data and returns whose it is: that
// of the named key where the invoice names one.
func signer(hrp string, signed, signature []byte, named *ln.PubKey) (ln.PubKey, error) {
	body, err := bech32.ConvertBits(signed, 5, 8, true)
	if err != nil {
		return ln.PubKey{}, err
	}
	digest := sha256.Sum256(append([]byte(hrp), body...))
	sig, err := bech32.ConvertBits(signature, 5, 8, true)
	if err != nil {
		return ln.PubKey{}, err
	}
	if named != nil {
		return *named, verify(digest, sig, *named)
	}
	if sig[64] > 3 {
		return ln.PubKey{}, fmt.Errorf("the signature's recovery id is %d", sig[64])
	}
	// A header byte from 31 on says: recover a compressed key.
	key, _, err := ecdsa.RecoverCompact(append([]byte{31 + sig[64]}, sig[:64]...), digest[:])
	if err != nil {
		return ln.PubKey{}, fmt.Errorf("nobody's signature: %w", err)
	}
	return ln.PubKey(key.SerializeCompressed()), nil
}

func verify(digest [32]byte, sig []byte, by ln.PubKey) error {
	key, err := btcec.ParsePubKey(by[:])
	if err != nil {
		return fmt.Errorf("the payee's key: %w", err)
	}
	var r, s btcec.ModNScalar
	if r.SetByteSlice(sig[:32]) || s.SetByteSlice(sig[32:64]) || r.IsZero() || s.IsZero() {
		return fmt.Errorf("the signature is out of range")
	}
	if !ecdsa.NewSignature(&r, &s).Verify(digest[:], key) {
		return fmt.Errorf("not the signature of the payee that it names")
	}
	return nil
}
