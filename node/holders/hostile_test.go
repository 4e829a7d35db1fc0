package holders_test

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

func frame(s string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...)
}

// Answers that no honest peer gives.
func TestLyingAnswers(t *testing.T) {
	t.Parallel()
	other, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := wire.Seal(other, wire.ContentName{Name: "app", What: wire.WhatModel, CID: cidA, Size: 1, Created: 5}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(string(doc.Bytes()), `"1"`, `"2"`, 1)
	addrs := strings.Repeat(`"a",`, 4) + `"a"`
	for name, raw := range map[string][]byte{
		"endless":             {0xff, 0xff, 0xff, 0xff, '{'},
		"no JSON":             frame("hello"),
		"another version":     frame(`{"v":2,"answers":[{}]}`),
		"unknown field":       frame(`{"v":1,"answers":[{}],"x":1}`),
		"unknown in answer":   frame(`{"v":1,"answers":[{"x":1}]}`),
		"two values":          frame(`{"v":1,"answers":[{}]}{}`),
		"too few":             frame(`{"v":1,"answers":[]}`),
		"too many":            frame(`{"v":1,"answers":[{},{}]}`),
		"a million":           frame(`{"v":1,"answers":[` + strings.Repeat("{},", 80_000) + `{}]}`),
		"more than all":       frame(`{"v":1,"answers":[{"held":9,"size":8}]}`),
		"absurd price":        frame(`{"v":1,"answers":[{"held":1,"price":18446744073709551615}]}`),
		"no CID":              frame(`{"v":1,"answers":[{"cid":"QmFoo"}]}`),
		"forged name":         frame(`{"v":1,"answers":[{"names":[` + forged + `]}]}`),
		"five names":          frame(`{"v":1,"answers":[{"names":[` + strings.Repeat(string(doc.Bytes())+",", 4) + string(doc.Bytes()) + `]}]}`),
		"too many addresses":  frame(`{"v":1,"answers":[{"others":[{"npub":"` + other.String() + `","addrs":[` + addrs + `]}]}]}`),
		"a holder of no name": frame(`{"v":1,"answers":[{"others":[{}]}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			liar := join(t, nil)
			asker := join(t, nil, liar)
			liar.host.Handle(p2p.ProtoHave, p2p.HaveStreamLimits(), func(_ context.Context, s *p2p.Stream) { _, _ = s.Write(raw) })
			_, err := asker.Ask(t.Context(), liar.id(), []string{cidA})
			if !errors.Is(err, holders.ErrProtocol) {
				t.Errorf("%v", err)
			}
			if p := asker.host.Peers(); len(p) != 1 || p[0].Penalty < 15 {
				t.Errorf("penalty %+v", p)
			}
		})
	}
}

// A peer that is cut off, or told to wait, is no liar; one search outlives it.
func TestPeersThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	silent, busy, honest := join(t, nil), join(t, nil), join(t, nil)
	asker := join(t, nil, silent, busy, honest)
	silent.host.Handle(p2p.ProtoHave, p2p.HaveStreamLimits(), func(ctx context.Context, s *p2p.Stream) { <-ctx.Done() })
	busy.host.Handle(p2p.ProtoHave, p2p.HaveStreamLimits(), func(_ context.Context, s *p2p.Stream) {
		_, _ = s.Write(frame(`{"v":1,"busy":true}`))
	})
	honest.shelf.share(cidA, holders.Answer{Whole: true, Held: 1, Size: 1})
	if got := find(t, asker, holders.Query{Ref: cidA, Anyone: true}, 1); !got[honest.id()].Whole {
		t.Errorf("found %v", got)
	}
	if _, err := asker.Ask(t.Context(), busy.id(), []string{cidA}); !errors.Is(err, holders.ErrBusy) {
		t.Errorf("busy: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := asker.Ask(ctx, silent.id(), []string{cidA}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silent: %v", err)
	}
	for _, p := range asker.host.Peers() {
		if p.Penalty > 0 {
			t.Errorf("%s was penalised", p.Peer.Short())
		}
	}
}

// Questions that no honest peer asks are not answered, and cost.
func TestBadQuestions(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string][]byte{
		"endless":  {0, 2, 0, 0},
		"no refs":  frame(`{"v":1,"ask":[]}`),
		"too many": frame(`{"v":1,"ask":[` + strings.Repeat(`{"ref":"x"},`, 200) + `{"ref":"x"}]}`),
		"long ref": frame(`{"v":1,"ask":[{"ref":"` + strings.Repeat("x", 4000) + `"}]}`),
		"unknown":  frame(`{"v":1,"ask":[{"ref":"x"}],"limit":0}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := join(t, nil)
			pest := join(t, nil, node)
			s, err := pest.host.Open(t.Context(), node.id(), p2p.ProtoHave)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write(raw); err != nil {
				t.Fatal(err)
			}
			if _, err := s.ReadByte(); err == nil {
				t.Error("it was answered")
			}
			until(t, "penalty", func() bool { p := node.host.Peers(); return len(p) == 1 && p[0].Penalty > 15 })
		})
	}
}

// More is not answered than a peer may ask; others are answered all the same.
func TestPeerThatAsksTooMuch(t *testing.T) {
	t.Parallel()
	node := join(t, nil)
	began := time.Now() // the clock stands: what was asked is not forgotten meanwhile
	node.Service = holders.New(holders.Deps{Host: node.host, Local: node.shelf, Now: func() time.Time { return began }})
	node.host.Handle(p2p.ProtoHave, p2p.HaveStreamLimits(), node.Serve)
	pest, other := join(t, nil, node), join(t, nil, node)
	refs := make([]string, 1200)
	for i := range refs {
		refs[i] = cidA
	}
	if _, err := pest.Ask(t.Context(), node.id(), refs); !errors.Is(err, holders.ErrBusy) {
		t.Errorf("1200 refs at once: %v", err)
	}
	if _, err := other.Ask(t.Context(), node.id(), refs[:1]); err != nil {
		t.Errorf("another peer: %v", err)
	}
}
