package content

import (
	"context"
	"errors"
	"io"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store/blob"
)

// source is a peer that may have the blob, for so many credits per GiB. Its name
// is the whole npub: a short one could be another's too.
func (t *transfer) source(peer identity.PubKey, price uint64) blob.Source {
	return blob.Source{
		Name: peer.String(),
		Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
			s, err := t.l.peers.Open(ctx, peer, p2p.ProtoBlob)
			if err != nil {
				return nil, err
			}
			if t.l.net.Delivery == nil {
				return s, nil
			}
			counted := t.l.net.Delivery.Fetch(peer, t.cid, price, s)
			t.opened(peer.String(), counted)
			return counted, nil
		},
	}
}

// checked is a stream that wants to know how many bytes of payload that came on
// it were good.
type checked interface{ Verified(total uint64) }

// flow is the latest stream of a source.
type flow struct {
	to   checked
	base uint64 // what had come from the source before
}

func (t *transfer) opened(source string, s io.ReadWriteCloser) {
	to, ok := s.(checked)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f := flow{to: to}
	for _, p := range t.last.Sources {
		if p.Name == source {
			f.base = p.Bytes
		}
	}
	t.flows[source] = f
}

// verified passes on what was found good. The mutex is held.
func (t *transfer) verified() {
	for _, p := range t.last.Sources {
		if f, ok := t.flows[p.Name]; ok && p.Bytes >= f.base {
			f.to.Verified(p.Bytes - f.base)
		}
	}
}

// Points for what no honest peer does; see p2p.Host.Penalise.
const (
	pointsLie      = 50 // bytes that are not those of the CID: no accident does that
	pointsProtocol = 20
)

// blame is told of each source that failed. Who granted the blob in a job is
// left to the job: it knows what the peer had promised, and counts it itself.
func (t *transfer) blame(source string, err error) {
	l := t.l
	peer, perr := identity.ParsePubKey(source)
	t.mu.Lock()
	granted := t.granted[source]
	t.mu.Unlock()
	if perr != nil || granted || l.net.Penalise == nil {
		return
	}
	switch {
	case errors.Is(err, blob.ErrBadBlock):
		l.net.Penalise(peer, pointsLie, "content that is not what it should be")
	case errors.Is(err, blob.ErrProtocol):
		l.net.Penalise(peer, pointsProtocol, "malformed content stream")
	}
}

// remote makes sources for reading a beginning from peers that may be asked.
func (l *Library) remote(cid string, from []identity.PubKey) []blob.Source {
	t := &transfer{l: l, cid: cid, flows: map[string]flow{}}
	var out []blob.Source
	for _, peer := range from {
		out = append(out, t.source(peer, 0))
	}
	return out
}
