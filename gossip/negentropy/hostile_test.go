package negentropy_test

import (
	"bytes"
	"errors"
	"testing"

	"infernet.tech/infernet/gossip/negentropy"
)

func TestBadMessages(t *testing.T) {
	t.Parallel()
	v := negentropy.NewVector(items(0, 100))
	fp := make([]byte, 16)
	for name, msg := range map[string][]byte{
		"empty":             {},
		"another protocol":  {0x31},
		"no mode":           {0x61, 0, 0},
		"unknown mode":      {0x61, 0, 0, 3},
		"endless number":    append([]byte{0x61}, bytes.Repeat([]byte{0xff}, 12)...),
		"number cut":        {0x61, 0x81},
		"prefix too long":   append([]byte{0x61, 1, 33}, make([]byte, 40)...),
		"prefix cut":        {0x61, 1, 32, 5},
		"fingerprint cut":   append([]byte{0x61, 0, 0, 1}, fp[:15]...),
		"ids cut":           append([]byte{0x61, 0, 0, 2, 2}, make([]byte, 63)...),
		"more ids than all": {0x61, 0, 0, 2, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"backwards":         {0x61, 5, 1, 9, 0, 1, 1, 8, 0},
		"past the end":      {0x61, 0, 0, 0, 2, 0, 0},
		"dates overflow":    {0x61, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0},
	} {
		if _, err := v.Answer(msg, 1<<16); !errors.Is(err, negentropy.ErrMessage) {
			t.Errorf("%s: answered: %v", name, err)
		}
		if _, _, err := v.Next(msg, 1<<16); !errors.Is(err, negentropy.ErrMessage) {
			t.Errorf("%s: taken for an answer: %v", name, err)
		}
	}
	if got, err := v.Answer([]byte{0x62, 1, 2}, 1<<16); err != nil || !bytes.Equal(got, []byte{0x61}) {
		t.Errorf("a later version is answered %x, %v", got, err)
	}
}

func FuzzAnswer(f *testing.F) {
	small, large := negentropy.NewVector(items(0, 20)), negentropy.NewVector(items(10, 1500))
	f.Add(small.Start())
	f.Add(large.Start())
	for _, v := range []*negentropy.Vector{small, large} {
		a, err := large.Answer(v.Start(), negentropy.MinLimit)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		for _, v := range []*negentropy.Vector{small, large} {
			out, err := v.Answer(msg, negentropy.MinLimit)
			if err != nil && !errors.Is(err, negentropy.ErrMessage) {
				t.Error(err)
			}
			if len(out) > negentropy.MinLimit {
				t.Errorf("%d bytes of answer", len(out))
			}
			if err == nil && len(out) > 1 {
				// What is said here can be read there.
				if _, _, err := small.Next(out, negentropy.MinLimit); err != nil {
					t.Error(err)
				}
			}
			out, d, err := v.Next(msg, negentropy.MinLimit)
			if len(out) > negentropy.MinLimit || len(d.Need) > len(msg)/32 || len(d.Have) > v.Len() {
				t.Errorf("%d bytes, %d needed, %d had: %v", len(out), len(d.Need), len(d.Have), err)
			}
		}
	})
}
