package lightning

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/bolt11"
)

// The domains of what an invoice's description hash stands for.
const (
	windowDomain = "infernet/window/v1"
	holdDomain   = "infernet/hold/v1"
)

// windowDescription binds an invoice to the notes that it makes good: the
// channel, the span of its total, and the chain of notes up to the span's end.
func windowDescription(channel string, from, to uint64, root wire.ID) ln.Hash {
	b := append([]byte(windowDomain+"\x00"), channel...)
	b = binary.BigEndian.AppendUint64(append(b, 0), from)
	b = binary.BigEndian.AppendUint64(b, to)
	return sha256.Sum256(append(b, root[:]...))
}

// holdDescription binds an invoice to the one payment it locks money for.
func holdDescription(channel string, ref payments.Ref, amount uint64, hash wire.ID) ln.Hash {
	b := append([]byte(holdDomain+"\x00"), channel...)
	b = append(append(b, 0), ref...)
	b = binary.BigEndian.AppendUint64(append(b, 0), amount)
	return sha256.Sum256(append(b, hash[:]...))
}

// wanted is what an invoice must say to be paid.
type wanted struct {
	network     string
	payee       ln.PubKey
	amount      uint64
	description ln.Hash
	hash        wire.ID // of a hold; zero: the payee draws it
	blocks      uint32  // of the last hop, at most
	left        time.Duration
}

// spare is by how many blocks a payee may round the last hop up.
const spare = 6

// check returns the invoice that bolt11 is when it is the wanted one, and
// ErrInvoice with the first difference otherwise. Its signature is checked by
// the decoder; now is the time at which it has to be good for another w.left.
func (w wanted) check(text string, now time.Time) (bolt11.Invoice, error) {
	i, err := bolt11.Decode(text)
	if err != nil {
		return i, fmt.Errorf("%w: %w", ErrInvoice, err)
	}
	for _, c := range []struct {
		bad bool
		why string
	}{
		{i.Network != w.network, fmt.Sprintf("is of %.20q, this node of %q", i.Network, w.network)},
		{i.Payee != w.payee, fmt.Sprintf("is payable to %s, the peer signed for %s", i.Payee, w.payee)},
		{i.AmountMsat != w.amount, fmt.Sprintf("asks for %d msat, agreed are %d", i.AmountMsat, w.amount)},
		{!i.HasDescriptionHash || i.DescriptionHash != w.description, "is for something else"},
		{!w.hash.IsZero() && wire.ID(i.Hash) != w.hash, "locks on another hash"},
		{i.CLTVExpiry > w.blocks+spare, fmt.Sprintf("locks for %d blocks, at most %d", i.CLTVExpiry, w.blocks)},
		{i.ExpiresAt().Before(now.Add(w.left)), "is over, or nearly"},
	} {
		if c.bad {
			return i, fmt.Errorf("%w: it %s", ErrInvoice, c.why)
		}
	}
	return i, nil
}
