package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Found is an image that somebody told of; nothing of it need be here.
type Found struct {
	Digest string
	CID    string
	Size   uint64 // payload bytes; 0: not told
}

// Said is what the network says of a name or a digest.
type Said struct {
	Names []wire.Event // ContentName documents, of any date and author
	CIDs  []string     // what peers say the image's folder is, unsigned
}

// Deps are a node's ways to its images.
type Deps struct {
	// Own finds an image of this node by the name that it has here, or by its
	// digest. ErrUnknown when it has none.
	Own func(ref string) (Found, error)
	// Public lists the names of this node's images that everybody may have.
	Public func() ([]string, error)
	// Search asks the network what an image's digest, or an author's name of
	// one, stands for, for as long as ctx allows. Having found nothing is no
	// error. It may be nil.
	Search func(ctx context.Context, owner identity.PubKey, ref string) (Said, error)
	// Layout brings an image's folder here and lays it out; nothing removes it
	// before release is called, which may be nil.
	Layout func(ctx context.Context, f Found) (dir string, release func(), err error)
	// Here tells whether a CID is here whole, so that Layout takes no time. It
	// may be nil.
	Here func(cid string) bool
}

// SourceConfig says whom a Source believes and how hard it tries.
type SourceConfig struct {
	Self       identity.PubKey
	Publishers []identity.PubKey // whose names a name without an npub may be
	Search     time.Duration     // for which the network is asked; 0 is 15 s
	Pulls      int               // images brought at once; 0 is 8
}

// Source is the Images of a node: its own, then the network's. A tag is its
// owner's word; a digest may come from anybody, and the folder must hold it.
type Source struct {
	cfg   SourceConfig
	deps  Deps
	log   *slog.Logger
	pulls chan struct{}

	mu      sync.Mutex
	brought map[string]Found // by digest: every layer of an image asks for it again
}

// maxBrought bounds the memory; what is forgotten is asked for again.
const maxBrought = 4096

// NewSource makes the Images of a node.
func NewSource(cfg SourceConfig, deps Deps, log *slog.Logger) *Source {
	cfg.Search = cmp.Or(cfg.Search, 15*time.Second)
	cfg.Pulls = cmp.Or(cfg.Pulls, 8)
	return &Source{cfg: cfg, deps: deps, log: log, pulls: make(chan struct{}, cfg.Pulls), brought: map[string]Found{}}
}

// ByName implements Images.
func (s *Source) ByName(ctx context.Context, ref Ref) (Image, error) {
	owners := []identity.PubKey{ref.Owner}
	if ref.Owner.IsZero() || ref.Owner == s.cfg.Self {
		for _, name := range ref.Spellings() {
			f, err := s.deps.Own(name)
			if errors.Is(err, ErrUnknown) {
				continue
			}
			if err != nil {
				return Image{}, err
			}
			return s.bring(ctx, f)
		}
		owners = s.cfg.Publishers
	}
	for _, owner := range owners {
		f, err := s.signed(ctx, owner, ref)
		if errors.Is(err, ErrUnknown) {
			continue
		}
		if err != nil {
			return Image{}, err
		}
		return s.bring(ctx, f)
	}
	return Image{}, ErrUnknown
}

// signed asks the network what an owner says of a name. Of its documents the
// newest holds; those of others, and those of other names, are nothing.
func (s *Source) signed(ctx context.Context, owner identity.PubKey, ref Ref) (Found, error) {
	if s.deps.Search == nil {
		return Found{}, ErrUnknown
	}
	for _, name := range ref.Spellings() {
		if (wire.ContentName{Name: name, What: wire.WhatImage, Digest: anyDigest, CID: anyCID, Created: 1}).Validate() != nil {
			continue // longer than names of content are
		}
		said, err := s.search(ctx, owner, name)
		if err != nil {
			return Found{}, err
		}
		var newest wire.Event
		var found Found
		for _, e := range said.Names {
			n, err := wire.Decode[wire.ContentName](e)
			if err != nil || e.PubKey != owner || n.What != wire.WhatImage || n.Name != name || e.Verify() != nil {
				continue
			}
			if found.CID == "" || later(e, newest) {
				newest, found = e, Found{n.Digest, n.CID, n.Size}
			}
		}
		if found.CID != "" {
			return found, nil
		}
	}
	return Found{}, ErrUnknown
}

// later is NIP-01's order of documents that replace each other.
func later(a, b wire.Event) bool {
	if a.CreatedAt != b.CreatedAt {
		return a.CreatedAt > b.CreatedAt
	}
	return a.ID.String() < b.ID.String()
}

// anyDigest and anyCID stand where one must and does not matter.
const (
	anyDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	anyCID    = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
)

// maxTries is the most folders that are fetched for one digest before it is
// given up: strangers may name any.
const maxTries = 4

// ByDigest implements Images.
func (s *Source) ByDigest(ctx context.Context, digest string) (Image, error) {
	f, err := s.deps.Own(digest)
	if err == nil {
		return s.bring(ctx, f)
	}
	if !errors.Is(err, ErrUnknown) {
		return Image{}, err
	}
	if f, ok := s.before(digest); ok {
		return s.bring(ctx, f)
	}
	if s.deps.Search == nil {
		return Image{}, ErrUnknown
	}
	said, err := s.search(ctx, identity.PubKey{}, digest)
	if err != nil {
		return Image{}, err
	}
	var tries []Found
	add := func(f Found) {
		if !slices.ContainsFunc(tries, func(o Found) bool { return o.CID == f.CID }) {
			tries = append(tries, f)
		}
	}
	for _, e := range said.Names {
		if n, err := wire.Decode[wire.ContentName](e); err == nil && n.Digest == digest && e.Verify() == nil {
			add(Found{digest, n.CID, n.Size})
		}
	}
	for _, cid := range said.CIDs {
		add(Found{Digest: digest, CID: cid})
	}
	err = ErrUnknown
	for _, f := range tries[:min(len(tries), maxTries)] {
		img, berr := s.bring(ctx, f)
		if berr == nil || ctx.Err() != nil {
			return img, berr
		}
		s.log.Debug("mirror: not that image", "digest", digest, "cid", f.CID, "err", berr)
		err = berr
	}
	return Image{}, err
}

// search asks the network for a bounded time. That it ran out is no error: what
// was not found by then is not there.
func (s *Source) search(ctx context.Context, owner identity.PubKey, ref string) (Said, error) {
	sctx, cancel := context.WithTimeout(ctx, s.cfg.Search)
	defer cancel()
	said, err := s.deps.Search(sctx, owner, ref)
	if err != nil && ctx.Err() == nil && sctx.Err() != nil {
		err = nil
	}
	return said, err
}

func (s *Source) before(digest string) (Found, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.brought[digest]
	return f, ok
}

// bring fetches an image's folder and sees that the image is in it.
func (s *Source) bring(ctx context.Context, f Found) (Image, error) {
	if s.deps.Here == nil || !s.deps.Here(f.CID) {
		select {
		case s.pulls <- struct{}{}:
			defer func() { <-s.pulls }()
		case <-ctx.Done():
			return Image{}, ctx.Err()
		}
	}
	dir, release, err := s.deps.Layout(ctx, f)
	if err != nil {
		return Image{}, err
	}
	img := Image{Digest: f.Digest, Dir: dir, Release: release}
	if _, err := image.ReadBlob(dir, f.Digest, image.DefaultLimits().ManifestBytes); err != nil {
		img.release()
		return Image{}, fmt.Errorf("folder %s is not image %s: %w", f.CID, f.Digest, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.brought) >= maxBrought {
		clear(s.brought)
	}
	s.brought[f.Digest] = f
	return img, nil
}

// List implements Images.
func (s *Source) List(context.Context) ([]Ref, error) {
	names, err := s.deps.Public()
	if err != nil {
		return nil, err
	}
	var all []Ref
	for _, n := range names {
		if ref, ok := ParseRef(identity.PubKey{}, n); ok {
			all = append(all, ref)
		}
	}
	return all, nil
}
