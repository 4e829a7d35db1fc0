package wire

import (
	"errors"
	"testing"
)

func TestDeliveryRefuses(t *testing.T) {
	t.Parallel()
	good := Delivery{Account: testID(1), Seq: 1, Bytes: 5, Total: 10, Price: 3, Amount: 1, Unit: "credits", Rail: "credit"}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Delivery){
		"more than in all":                        func(d *Delivery) { d.Bytes = 11 },
		"nothing":                                 func(d *Delivery) { d.Bytes = 0 },
		"a first delivery that is not all":        func(d *Delivery) { d.Seq = 0 },
		"more deliveries than a receipt can name": func(d *Delivery) { d.Seq = maxShards },
		"bytes that are no JSON number":           func(d *Delivery) { d.Total = 1<<53 + 1 },
		"a charge for what is free":               func(d *Delivery) { d.Price = 0 },
	} {
		d := good
		change(&d)
		if err := d.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good.Price, good.Amount = 0, 0
	if err := good.Validate(); err != nil {
		t.Errorf("a free delivery: %v", err)
	}
}

// TestDeliveredReceipt wants a receipt of bytes to name no image, and every
// other one to name it.
func TestDeliveredReceipt(t *testing.T) {
	t.Parallel()
	good := Receipt{Job: testID(1), Provider: testKey(t, 2).PubKey(), Payer: testKey(t, 1).PubKey(), Units: 10,
		Unit: "credits", Rail: "credit", Verdict: VerdictOK, Label: LabelDelivered, StartedMS: 1, EndedMS: 2}
	if back, err := Decode[Receipt](sealed(t, good)); err != nil || back != good {
		t.Fatalf("got %+v, %v", back, err)
	}
	for name, change := range map[string]func(*Receipt){
		"no bytes":          func(r *Receipt) { r.Units = 0 },
		"an image":          func(r *Receipt) { r.Image = testDigest },
		"a model":           func(r *Receipt) { r.ModelCID = testCID },
		"work and no image": func(r *Receipt) { r.Label = LabelClaimed },
	} {
		r := good
		change(&r)
		if err := r.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDeliveryJob wants every part of an account's name to count.
func TestDeliveryJob(t *testing.T) {
	t.Parallel()
	a, b := testKey(t, 1).PubKey(), testKey(t, 2).PubKey()
	names := map[ID]bool{
		DeliveryJob(a, b, testID(1)): true, DeliveryJob(b, a, testID(1)): true, DeliveryJob(a, b, testID(2)): true, testID(1): true,
	}
	if len(names) != 4 {
		t.Errorf("%d names", len(names))
	}
	const want = "2b15b3644382c6262244dc2abdce732d8e60518ffff51855f90a5e0f3861c8b6"
	if got := DeliveryJob(a, b, testID(1)).String(); got != want {
		t.Errorf("the name became %s", got)
	}
}
