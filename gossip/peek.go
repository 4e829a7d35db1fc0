package gossip

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// envelope is what a document claims about itself before its signature is
// checked: enough to turn it away for little work.
type envelope struct {
	id     [32]byte
	author identity.PubKey
	at     int64
	kind   wire.Kind
}

// peek reads the head of a document as wire.Event.Bytes writes it; another
// spelling of the same event is not gossiped.
func peek(raw []byte) (envelope, error) {
	var e envelope
	if len(raw) > MaxDocument {
		return e, fmt.Errorf("%w: %d bytes, at most %d", ErrDocument, len(raw), MaxDocument)
	}
	p := head(raw)
	ok := p.word(`{"id":"`) && p.hex(e.id[:]) && p.word(`","pubkey":"`) && p.hex(e.author[:]) && p.word(`","created_at":`)
	e.at = p.number(&ok)
	ok = ok && p.word(`,"kind":`)
	e.kind = wire.Kind(p.number(&ok))
	if !ok || !p.word(`,"tags":[`) {
		return e, fmt.Errorf("%w: no event begins so", ErrDocument)
	}
	return e, nil
}

// head is what is left to read of a document.
type head []byte

func (p *head) word(w string) bool {
	rest, ok := bytes.CutPrefix(*p, []byte(w))
	*p = rest
	return ok
}

func (p *head) hex(dst []byte) bool {
	n := 2 * len(dst)
	if len(*p) < n {
		return false
	}
	_, err := hex.Decode(dst, (*p)[:n])
	if bytes.ContainsAny((*p)[:n], "ABCDEF") {
		return false
	}
	*p = (*p)[n:]
	return err == nil
}

func (p *head) number(ok *bool) int64 {
	n := 0
	for n < len(*p) && n < 19 && (*p)[n] >= '0' && (*p)[n] <= '9' {
		n++
	}
	v, err := strconv.ParseInt(string((*p)[:n]), 10, 64)
	*ok = *ok && err == nil
	*p = (*p)[n:]
	return v
}

// slot names what a newer document takes the place of: by NIP-01, one of the
// same kind and author for kinds 30000 to 39999, and nothing for others.
type slot [8]byte

func (e envelope) slot() slot {
	if e.kind < 30000 || e.kind > 39999 {
		return slot{}
	}
	return e.authorSlot()
}

// authorSlot names the kind and author whatever the kind.
func (e envelope) authorSlot() slot {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 36), uint32(e.kind))
	sum := sha256.Sum256(append(b, e.author[:]...))
	return slot(sum[:8])
}
