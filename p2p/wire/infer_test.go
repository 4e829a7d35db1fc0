package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestWindowRefuses(t *testing.T) {
	t.Parallel()
	good := Window{Job: testID(1), Seq: 1, InTokens: 5, OutTokens: 5, TotalIn: 10, TotalOut: 10, Unit: "credits", Rail: "credit"}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Window){
		"more in the window than in all":       func(w *Window) { w.InTokens = 11 },
		"more out of the window than in all":   func(w *Window) { w.OutTokens = 11 },
		"a first window that is not all":       func(w *Window) { w.Seq = 0 },
		"more windows than a receipt can name": func(w *Window) { w.Seq = maxShards },
		"tokens that are no JSON number":       func(w *Window) { w.TotalIn = 1<<53 + 1 },
	} {
		w := good
		change(&w)
		if err := w.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLeaseRefuses(t *testing.T) {
	t.Parallel()
	good := Lease{Quote: testID(1), Job: testID(2), Model: testCID, Unit: "credits", Rail: "credit", Budget: 10, Window: 10, Deadline: 1}
	if err := good.Validate(); err != nil {
		t.Fatalf("a free model: %v", err)
	}
	for name, change := range map[string]func(*Lease){
		"no budget":              func(l *Lease) { l.Budget = 0 },
		"no window":              func(l *Lease) { l.Window = 0 },
		"window over the budget": func(l *Lease) { l.Window = 11 },
		"a name for a CID":       func(l *Lease) { l.Model = "demo" },
	} {
		l := good
		change(&l)
		if err := l.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFullOffer keeps an offer with every list full within the limits of an
// event: each row of it is a tag.
func TestFullOffer(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		o, ok := s.msg.(*ProviderOffer)
		if !ok {
			continue
		}
		served, bench, gpu, rate := o.Serves[0], o.Benches[0], o.Hardware.GPUs[0], o.Rates[0]
		o.Serves, o.Benches, o.Hardware.GPUs, o.Rates = nil, nil, nil, nil
		for i := range maxServed {
			served.Name = fmt.Sprintf("%s-%d", strings.Repeat("x", MaxModelName-3), i)
			o.Serves = append(o.Serves, served)
		}
		for range maxBenches {
			o.Benches = append(o.Benches, bench)
		}
		for range maxOfferGPUs {
			o.Hardware.GPUs = append(o.Hardware.GPUs, gpu)
		}
		for range maxOfferRates {
			o.Rates = append(o.Rates, rate)
		}
		e := sealed(t, o)
		if back, err := Parse(e.Bytes()); err != nil || len(back.Tags) > MaxTags {
			t.Errorf("%d tags: %v", len(back.Tags), err)
		}
	}
}

func TestServedRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		o, ok := s.msg.(*ProviderOffer)
		if !ok {
			continue
		}
		base := sealed(t, o)
		row := servedRow(o.Serves[0])
		for i, bad := range map[int]string{0: long(MaxModelName + 1), 1: "demo", 2: "sha256:00", 3: "", 4: "-1", 5: "01", 6: "4294967296", 9: "x"} {
			e := resigned(t, base, func(e *Event) {
				values := append([]string(nil), row...)
				values[i] = bad
				setTag(e, "serve", values...)
			})
			if _, err := Decode[ProviderOffer](e); !errors.Is(err, ErrInvalid) {
				t.Errorf("value %d = %.20q: %v", i, bad, err)
			}
		}
		e := resigned(t, base, func(e *Event) { setTag(e, "serve", row[:9]...) })
		if _, err := Decode[ProviderOffer](e); !errors.Is(err, ErrInvalid) {
			t.Errorf("a short row: %v", err)
		}
	}
}
