package gossip_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"infernet.tech/infernet/gossip"
	"infernet.tech/infernet/gossip/gossiptest"
	"infernet.tech/infernet/p2p/wire"
)

func TestPeek(t *testing.T) {
	t.Parallel()
	d := gossiptest.Document(t, gossiptest.Key(t, 1), gossiptest.Replaced, time.Unix(1_700_000_000, 0), 900)
	raw := d.Bytes()
	id, author, at, kind, err := gossip.Peek(raw)
	if err != nil || id != d.ID || author != d.PubKey || at != d.CreatedAt || kind != int(d.Kind) {
		t.Errorf("%x %s %d %d: %v", id, author, at, kind, err)
	}
	for name, bad := range map[string][]byte{
		"empty":      nil,
		"space":      append([]byte{' '}, raw...),
		"cut":        raw[:150],
		"upper case": bytes.Replace(raw, raw[7:71], bytes.ToUpper(raw[7:71]), 1),
		"no number":  bytes.Replace(raw, []byte(`"created_at":1700000000`), []byte(`"created_at":x`), 1),
		"too large":  append(raw, make([]byte, gossip.MaxDocument)...),
		"past int64": bytes.Replace(raw, []byte(`:1700000000,`), []byte(`:9999999999999999999,`), 1),
	} {
		if _, _, _, _, err := gossip.Peek(bad); !errors.Is(err, gossip.ErrDocument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What peek takes from bytes that parse is what parsing finds.
func FuzzPeek(f *testing.F) {
	d := gossiptest.Document(f, gossiptest.Key(f, 1), gossiptest.Replaced, time.Unix(1_700_000_000, 0), 500)
	f.Add(d.Bytes())
	f.Add([]byte(`{"id":"`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		id, author, at, kind, err := gossip.Peek(raw)
		e, perr := wire.Parse(raw)
		if err != nil || perr != nil {
			return
		}
		if e.ID != id || e.PubKey != author || e.CreatedAt != at || int(e.Kind) != kind {
			t.Errorf("%q is read in two ways", raw)
		}
	})
}
