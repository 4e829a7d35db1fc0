package reputation

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Verified is a receipt whose signatures hold, and what follows from them.
type Verified struct {
	ID            wire.ID         `json:"id"`
	Receipt       wire.Receipt    `json:"receipt"`
	Author        identity.PubKey `json:"author"`
	Signed        time.Time       `json:"signed"` // by the author's clock
	Countersigned bool            `json:"countersigned"`
	Countersigner identity.PubKey `json:"countersigner,omitzero"`
	Certain       []string        `json:"certain"`   // what the signatures prove
	Uncertain     []string        `json:"uncertain"` // what they do not
}

// VerifyReceipt checks the JSON of a receipt, alone or with its
// countersignature, without asking anybody: the id, the signatures, that the
// signers are the parties, that the fields agree. Errors are ErrReceipt.
func VerifyReceipt(raw []byte) (Verified, error) {
	raw = bytes.TrimSpace(raw)
	c, err := wire.ParseCountersigned(raw)
	if err == nil {
		return verifyPair(c)
	}
	e, alone := wire.Parse(raw)
	if alone != nil {
		// Neither reading fits; the shape tells which one was meant.
		if bytes.Contains(raw[:min(len(raw), 2*wire.MaxEvent)], []byte(`"countersignature"`)) {
			alone = err
		}
		return Verified{}, fmt.Errorf("%w: %w", ErrReceipt, alone)
	}
	return verifyAlone(e)
}

func verifyPair(c wire.Countersigned) (Verified, error) {
	if err := c.Doc.Verify(); err != nil {
		return Verified{}, fmt.Errorf("%w: document: %w", ErrReceipt, err)
	}
	return verifyBy(c)
}

// verifyBy is verifyPair where the receipt itself was verified before.
func verifyBy(c wire.Countersigned) (Verified, error) {
	if err := c.By.Verify(); err != nil {
		return Verified{}, fmt.Errorf("%w: countersignature: %w", ErrReceipt, err)
	}
	return fit(c)
}

// fit is verifyPair where both documents were verified before.
func fit(c wire.Countersigned) (Verified, error) {
	v, err := read(c.Doc)
	if err != nil {
		return Verified{}, err
	}
	other := v.otherParty()
	if err := c.Fits(other); err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	// The payer of a receipt has no role of its own to name; the provider has.
	m, err := wire.Decode[wire.Countersign](c.By)
	if err != nil || other == v.Receipt.Provider && m.Role != wire.RoleProvider {
		return Verified{}, fmt.Errorf("%w: countersigned in the role %q", ErrReceipt, m.Role)
	}
	v.Countersigned, v.Countersigner = true, c.By.PubKey
	return v.conclude(), nil
}

func verifyAlone(e wire.Event) (Verified, error) {
	if err := e.Verify(); err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	v, err := read(e)
	if err != nil {
		return Verified{}, err
	}
	return v.conclude(), nil
}

// read decodes a receipt and checks what its fields say of each other.
func read(e wire.Event) (Verified, error) {
	r, err := wire.Decode[wire.Receipt](e)
	if err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	v := Verified{ID: e.ID, Receipt: r, Author: e.PubKey, Signed: time.Unix(e.CreatedAt, 0).UTC()}
	var why error
	switch {
	case e.PubKey != r.Payer && e.PubKey != r.Provider:
		why = errors.New("signed by neither payer nor provider")
	case r.Payer == r.Provider:
		why = errors.New("payer and provider are the same key")
	// A window of inference has no one result, nor has a delivery: tokens and
	// bytes are what was paid for.
	case r.Verdict == wire.VerdictOK && r.Root == "" && r.InTokens+r.OutTokens == 0 && r.Label != wire.LabelDelivered:
		why = errors.New("an ok verdict without a result")
	case r.Verdict == wire.VerdictUnpaid && e.PubKey != r.Provider:
		why = errors.New("says that its own author did not pay")
	case r.Amount > 0 && r.PayRef == "":
		why = errors.New("paid without naming the payment")
	}
	if why != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrReceipt, why)
	}
	return v, nil
}

// otherParty is the one whose countersignature completes the receipt.
func (v Verified) otherParty() identity.PubKey {
	if v.Author == v.Receipt.Provider {
		return v.Receipt.Payer
	}
	return v.Receipt.Provider
}

// unknownPayment is what no receipt says of its payment.
func (v Verified) unknownPayment() string {
	return "that the payment arrived: ask the rail " + v.Receipt.Rail + " for " + v.Receipt.PayRef
}

// conclude says in words what is proven and what is not.
func (v Verified) conclude() Verified {
	v.Certain = []string{
		"nothing in it was changed since it was signed",
		v.Author.Short() + " signed it",
	}
	v.Uncertain = []string{"the dates are the signers' own"}
	if v.Countersigned {
		v.Certain = append(v.Certain, v.Countersigner.Short()+" countersigned it: both parties stand by it")
	} else {
		v.Uncertain = append(v.Uncertain, "one-sided: "+v.otherParty().Short()+" did not sign; it is one party's word")
	}
	if v.Receipt.Amount > 0 {
		v.Uncertain = append(v.Uncertain, v.unknownPayment())
	}
	switch v.Receipt.Label {
	case wire.LabelClaimed:
		v.Uncertain = append(v.Uncertain, "the result was not checked: it is the provider's claim")
	case wire.LabelReplicated:
		v.Uncertain = append(v.Uncertain, "the result was compared with other providers', not recomputed by the payer")
	case wire.LabelDelivered:
		v.Uncertain = append(v.Uncertain, "which content it was: only its bytes are counted")
	}
	return v
}
