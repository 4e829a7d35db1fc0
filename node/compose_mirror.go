package node

import (
	"context"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/mirror"
	"infernet.tech/infernet/p2p/identity"
)

// composeMirror builds the mirror of images, unless the operator wants none.
func (n *Node) composeMirror() ([]unit, error) {
	if n.cfg.Content.Mirror == MirrorOff {
		return nil, nil
	}
	c := mirror.Default()
	c.Listen, c.Self = n.cfg.Content.Mirror, n.key.PubKey()
	c.Elsewhere = c.Listen == MirrorAddr // the next nodes of a machine
	from := mirror.SourceConfig{
		Self: c.Self, Fetch: content.FetchOptions{MaxPrice: n.cfg.Content.MaxPrice},
		Hold: n.lib.Blobs().Hold, Visible: n.mirrored,
	}
	for _, p := range n.cfg.Content.Publishers {
		key, err := identity.ParsePubKey(p)
		if err != nil {
			return nil, err
		}
		from.Publishers = append(from.Publishers, key)
	}
	m, err := mirror.New(c, mirror.NewSource(from, n.lib), n.log.With("in", "mirror"))
	if err != nil {
		return nil, err
	}
	n.mirrors = m
	return []unit{{name: "mirror", run: m.Run, ready: m.Ready(), detail: m.Addr}}, nil
}

// mirrored tells whether container tools may have an image. The mirror asks
// nobody who they are, so what is private stays out of it; where nothing is
// shared at all, the users of the machine still may.
func (n *Node) mirrored(cid string) bool {
	return n.cfg.Content.Private || n.lib.Shared(cid)
}

// Mirror implements api.Library.
func (b contentBackend) Mirror(context.Context) (api.Mirror, error) {
	if b.n.mirrors == nil {
		return api.Mirror{}, api.Errorf(api.CodeNotReady, "start the node without --mirror off", "this node mirrors no images")
	}
	return api.Mirror{Addr: b.n.mirrors.Addr(), NPub: b.n.key.PubKey().String()}, nil
}
