package wire

import (
	"errors"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

func offerSample(t testing.TB) ProviderOffer {
	for _, s := range samples(t) {
		if o, ok := s.msg.(*ProviderOffer); ok {
			return *o
		}
	}
	t.Fatal("no sample")
	return ProviderOffer{}
}

func TestOfferShowsItsOperator(t *testing.T) {
	t.Parallel()
	o := offerSample(t)
	if op, ok := o.OperatedBy(epoch); !ok || op != testKey(t, 3).PubKey() {
		t.Errorf("%v %v", op, ok)
	}
	if _, ok := o.OperatedBy(epoch.Add(25 * time.Hour)); ok {
		t.Error("an expired binding holds")
	}
	if _, err := Seal(testKey(t, 2), o, epoch); !errors.Is(err, ErrInvalid) {
		t.Errorf("another node shows the binding: %v", err)
	}
	theirs := by(t, 1, o)
	theirs.PubKey = testKey(t, 2).PubKey()
	if _, err := Decode[ProviderOffer](theirs); !errors.Is(err, ErrInvalid) {
		t.Errorf("another node shows the offer: %v", err)
	}
	good := o.Operator
	for name, raw := range map[string]string{
		"text": "hello", "cut": good[:len(good)-1], "twice": good + good, "a receipt": string(by(t, 1, testReceipt(t)).Bytes()),
		"changed": strings.Replace(good, testKey(t, 1).PubKey().Hex(), testKey(t, 2).PubKey().Hex(), 1),
		"spaces":  good + strings.Repeat(" ", maxBinding),
	} {
		o.Operator = raw
		if err := o.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o.Operator = ""
	if _, ok := o.OperatedBy(epoch); ok || o.Validate() != nil {
		t.Error("an offer without operator has one")
	}
}

// TestFullOfferFits fills every list and wants the offer to be a document.
func TestFullOfferFits(t *testing.T) {
	t.Parallel()
	var nodes []identity.PubKey
	for i := range byte(MaxNodes) {
		nodes = append(nodes, testKey(t, i+1).PubKey())
	}
	o := offerSample(t)
	o.Operator = string(testBinding(t, nodes...).Bytes())
	for len(o.Hardware.GPUs) < maxOfferGPUs {
		o.Hardware.GPUs = append(o.Hardware.GPUs, o.Hardware.GPUs[0])
	}
	for len(o.Rates) < maxOfferRates {
		o.Rates = append(o.Rates, o.Rates[0])
	}
	for len(o.Serves) < maxServed {
		o.Serves = append(o.Serves, o.Serves[0])
	}
	for len(o.Benches) < maxBenches {
		o.Benches = append(o.Benches, o.Benches[0])
	}
	e := by(t, 1, o)
	if _, err := Parse(e.Bytes()); err != nil {
		t.Errorf("%d tags: %v", len(e.Tags), err)
	}
}

func TestProfileNumbers(t *testing.T) {
	t.Parallel()
	p := Profile{Comparator: "numeric", N: 1, Thresholds: map[string]string{"rtol": "1e-05"}}
	if p.Number("rtol", 7) != 1e-5 || p.Number("atol", 7) != 7 || p.Validate() != nil {
		t.Errorf("%v %v", p.Number("rtol", 7), p.Validate())
	}
	for s, want := range map[string]bool{
		"0": true, "-0.5": true, "1e+06": true, "3.": true, "": false, "0x1p4": false, "NaN": false, "Inf": false, "1_0": false,
		"1e999": false, "e5": false, "1 ": false, strings.Repeat("1", 41): false,
	} {
		if isDecimal(s) != want {
			t.Errorf("isDecimal(%q) = %v", s, !want)
		}
	}
	base := by(t, 1, p)
	for _, list := range [][]string{{"b", "1", "a", "1"}, {"a", "1", "a", "2"}, {"a"}} {
		e := resigned(t, base, func(e *Event) { setTag(e, "thresholds", list...) })
		if _, err := Decode[Profile](e); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", list, err)
		}
	}
}

func TestReceiptBlame(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Receipt)
		good   bool
	}{
		"ok":                    {func(r *Receipt) {}, true},
		"ok and blamed":         {func(r *Receipt) { r.Blame = BlameNetwork }, false},
		"bad, nobody's":         {func(r *Receipt) { r.Verdict, r.Amount, r.Blame = VerdictBad, 0, BlameNetwork }, false},
		"bad, provider's":       {func(r *Receipt) { r.Verdict, r.Amount, r.Blame = VerdictBad, 0, BlameProvider }, true},
		"failed, network's":     {func(r *Receipt) { r.Verdict, r.Amount, r.Blame = VerdictFailed, 0, BlameNetwork }, true},
		"failed, somebody's":    {func(r *Receipt) { r.Verdict, r.Amount, r.Blame = VerdictFailed, 0, "weather" }, false},
		"unpaid":                {func(r *Receipt) { r.Verdict, r.Amount, r.Blame = VerdictUnpaid, 0, BlameClient }, true},
		"unpaid and paid":       {func(r *Receipt) { r.Verdict, r.Blame = VerdictUnpaid, BlameClient }, false},
		"unpaid, nobody's":      {func(r *Receipt) { r.Verdict, r.Amount = VerdictUnpaid, 0 }, false},
		"first of a chain":      {func(r *Receipt) { r.Seq, r.Prev = 1, ID{} }, true},
		"first with a parent":   {func(r *Receipt) { r.Seq = 1 }, false},
		"second without":        {func(r *Receipt) { r.Seq, r.Prev = 2, ID{} }, false},
		"outside with parent":   {func(r *Receipt) { r.Seq = 0 }, false},
		"outside":               {func(r *Receipt) { r.Seq, r.Prev = 0, ID{} }, true},
		"rate over the whole":   {func(r *Receipt) { r.RatePPM = PPM + 1 }, false},
		"verdict unheard of":    {func(r *Receipt) { r.Verdict = "fine" }, false},
		"class of a stranger's": {func(r *Receipt) { r.Class = "a b" }, false},
	} {
		r := testReceipt(t)
		c.change(&r)
		if err := r.Validate(); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (JobOffer{AuditMin: 1}).Validate(); !strings.Contains(err.Error(), "audit_min is promised without") {
		t.Error(err)
	}
}
