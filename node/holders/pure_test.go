package holders

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

func TestFormOf(t *testing.T) {
	t.Parallel()
	key, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	npub := key.PubKey().String()
	for ref, want := range map[string]Form{
		anyCID:    FormCID,
		anyDigest: FormDigest,
		NameRef(key.PubKey(), wire.WhatImage, "a/b:v1"): FormName,
		npub + "/model/demo":                            FormName,
		"":                                              0,
		"x":                                             0,
		"QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG": 0,
		strings.ToUpper(anyCID):                          0,
		"sha256:abc":                                     0,
		"sha512:" + anyDigest[7:]:                        0,
		npub:                                             0,
		npub + "/":                                       0,
		npub + "/image/":                                 0,
		npub + "/image/../x":                             0,
		npub + "/shoe/x":                                 0,
		"npub1abc/image/x":                               0,
		key.PubKey().Hex() + "/image/x":                  0,
		npub + "/image/" + strings.Repeat("x", 500): 0,
	} {
		got, err := FormOf(ref)
		if err == nil && want == 0 || err != nil && want != 0 || want != 0 && got != want {
			t.Errorf("%.90q: %d, %v, want %d", ref, got, err, want)
		}
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	var h hints
	t0 := time.Unix(1e9, 0)
	who := func(i int) identity.PubKey { return identity.PubKey{byte(i), byte(i >> 8), 1} }
	for i := range 40 {
		h.add("a", who(i), t0.Add(time.Duration(i)*time.Second))
	}
	h.add("a", who(20), t0.Add(time.Minute))
	if got := h.get("a", 3, who(39), t0.Add(time.Minute)); len(got) != 3 || got[0] != who(20) || got[1] != who(38) {
		t.Errorf("latest first, not the asker: %v", got)
	}
	if got := h.get("a", 99, identity.PubKey{}, t0); len(got) != maxEach {
		t.Errorf("%d of one ref", len(got))
	}
	if got := h.get("a", 99, identity.PubKey{}, t0.Add(time.Minute).Add(hintFor-1)); len(got) != 1 {
		t.Errorf("%d after an hour", len(got))
	}
	h.drop("a", who(20))
	h.drop("b", who(1))
	if got := h.get("a", 1, identity.PubKey{}, t0); got[0] != who(39) {
		t.Errorf("after a drop: %v", got)
	}
	for i := range 2 * maxHinted {
		h.add(fmt.Sprint(i), who(1), t0)
	}
	if len(h.known) > maxHinted {
		t.Errorf("%d refs remembered", len(h.known))
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	var r rates
	t0 := time.Unix(1e9, 0)
	p := identity.PubKey{1}
	take := func(what string, p identity.PubKey, n int, after time.Duration, want bool) {
		t.Helper()
		if got := r.take(p, n, t0.Add(after)); got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	take("a burst", p, peerBurst, 0, true)
	take("one more", p, 1, 0, false)
	take("another", identity.PubKey{2}, 100, 0, true)
	take("a second later", p, peerRate, time.Second, true)
	take("and one more", p, 1, time.Second, false)
	take("more than ever", p, peerBurst+1, time.Hour, false)
	asked := 0
	for i := range 2 * maxBuckets {
		if r.take(identity.PubKey{byte(i), byte(i >> 8), 3}, 100, t0.Add(2*time.Hour)) {
			asked += 100
		}
	}
	if len(r.peers) > maxBuckets || asked > allBurst {
		t.Errorf("%d peers remembered, %d refs answered at once", len(r.peers), asked)
	}
}

func FuzzQuestion(f *testing.F) {
	f.Add([]byte(`{"v":1,"ask":[{"ref":"` + anyCID + `","seed":true},{"ref":"` + anyDigest + `"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		asked, err := parseQuestion(b)
		if err != nil {
			return
		}
		out, err := encode(question{V: version, Ask: asked})
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseQuestion(out)
		if err != nil || len(again) != len(asked) {
			t.Errorf("%q does not survive: %v", b, err)
		}
	})
}

func FuzzReply(f *testing.F) {
	key, err := identity.Generate()
	if err != nil {
		f.Fatal(err)
	}
	doc, err := wire.Seal(key, wire.ContentName{Name: "app", What: wire.WhatModel, CID: anyCID, Size: 1, Created: 5}, time.Unix(1e9, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"v":1,"answers":[{"held":1,"size":2,"public":true,"price":3,"cid":"`+anyCID+`","names":[`+string(doc.Bytes())+
		`],"others":[{"npub":"`+key.String()+`","addrs":["/ip4/127.0.0.1/udp/1/quic-v1"]}]}]}`), 1)
	f.Add([]byte(`{"v":1,"busy":true}`), 2)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		if n < 0 || n > maxAsked {
			return
		}
		answers, err := parseReply(b, n)
		if err != nil {
			return
		}
		if len(answers) != n {
			t.Fatalf("%d answers to %d refs", len(answers), n)
		}
		for _, a := range answers {
			one, err := encode(a)
			if err != nil {
				t.Fatal(err)
			}
			out, err := encode(reply{V: version, Answers: bytes.Join([][]byte{{'['}, one, {']'}}, nil)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parseReply(out, 1); err != nil {
				t.Errorf("%s does not survive: %v", one, err)
			}
		}
	})
}

func FuzzFormOf(f *testing.F) {
	f.Add(anyCID)
	f.Add(anyDigest)
	f.Add("npub1/image/x:y")
	f.Fuzz(func(t *testing.T, ref string) {
		form, err := FormOf(ref)
		if (err == nil) == (form == 0) && err == nil {
			t.Errorf("%q has no form and no error", ref)
		}
		if err == nil && len(ref) > maxRef {
			t.Errorf("a ref of %d bytes", len(ref))
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 'h', 'i'})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readFrame(bytes.NewReader(b), 1000)
		if err == nil && (len(got) > 1000 || len(got)+4 > len(b)) {
			t.Errorf("%d bytes of %d", len(got), len(b))
		}
	})
}
