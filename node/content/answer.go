package content

import (
	"strings"

	"infernet.tech/infernet/node/holders"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

var _ holders.Local = (*Library)(nil)

// maxLayouts bounds the blobs looked at for one digest.
const maxLayouts = 4

// Answer tells a peer of a CID, a digest or a name what it may know: of what it
// may not have it tells what it tells of what is not here.
func (l *Library) Answer(peer identity.PubKey, ref string) holders.Answer {
	form, err := holders.FormOf(ref)
	if err != nil {
		return holders.Answer{}
	}
	switch form {
	case holders.FormDigest:
		return l.answerDigest(peer, ref)
	case holders.FormName:
		return l.answerName(peer, ref)
	}
	return l.answerCID(peer, ref)
}

func (l *Library) answerCID(peer identity.PubKey, cid string) holders.Answer {
	granted, public := l.may(peer, cid)
	if !granted && !public {
		return holders.Answer{}
	}
	a := l.have(cid)
	if !a.Has() {
		return holders.Answer{}
	}
	a.Public = public
	if !granted {
		a.Price = l.net.Price
	}
	return a
}

// have tells what of a blob is here. Of a folder that is not whole nobody knows
// how much that is: it is told as one byte.
func (l *Library) have(cid string) holders.Answer {
	spans, size, whole, err := l.blobs.Have(cid)
	if err != nil {
		return holders.Answer{}
	}
	a := holders.Answer{Size: size, Whole: whole}
	for _, s := range spans {
		a.Held += s.To - s.From
	}
	if size == 0 && !whole {
		a.Held = 1
	}
	return a
}

// answerDigest tells of the best layout of an image, and by which names it goes.
func (l *Library) answerDigest(peer identity.PubKey, digest string) holders.Answer {
	var best holders.Answer
	for _, cid := range l.layoutsOf(digest, maxLayouts) {
		a := l.answerCID(peer, cid)
		if !a.Has() || best.Has() && (best.Whole || !a.Whole) {
			continue
		}
		best = a
		best.CID = cid
	}
	return best
}

// answerName tells of a name: of this node's own if the content is the peer's
// to have, of others' what is known in public.
func (l *Library) answerName(peer identity.PubKey, ref string) holders.Answer {
	n, err := l.signedName(ref)
	if err != nil {
		return holders.Answer{}
	}
	a := l.answerCID(peer, n.CID)
	own := l.net.Key != nil && n.Author == l.net.Key.PubKey()
	if own && !a.Has() {
		if _, public := l.may(peer, n.CID); !public {
			return holders.Answer{}
		}
	}
	a.Public = a.Public || !own
	a.CID, a.Names = n.CID, []wire.Event{n.Event}
	return a
}

// SplitRef parts npub1…/name, a name by its author, from what is a name here.
func SplitRef(ref string) (author identity.PubKey, name string, ok bool) {
	npub, name, found := strings.Cut(ref, "/")
	author, err := identity.ParsePubKey(npub)
	if !found || err != nil || !strings.HasPrefix(npub, "npub1") || CheckName(name) != nil {
		return identity.PubKey{}, "", false
	}
	return author, name, true
}
