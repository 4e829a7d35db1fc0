package mirror

import (
	"context"
	"errors"
	"fmt"

	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/p2p/identity"
)

// Library is a node's content; *content.Library is one.
type Library interface {
	// PullImage makes sure that an image is here, by a name here, a digest or
	// npub1…/name, and returns it and its layout folder. content.ErrNoName.
	PullImage(ctx context.Context, ref string, o content.FetchOptions) (content.Entry, string, error)
	// Names lists what has a name here.
	Names(kind content.Kind) ([]content.Entry, error)
	// Shared tells whether everybody may have a blob.
	Shared(cid string) bool
}

// SourceConfig says whom a Source believes and what it takes.
type SourceConfig struct {
	Self       identity.PubKey
	Publishers []identity.PubKey // whose names a name without an npub may be
	// Fetch bounds what is brought from the network; it may come from anyone.
	Fetch content.FetchOptions
	// Hold keeps a blob from being collected while it is read;
	// blob.Store.Hold does.
	Hold func(cid string) (release func(), err error)
	// Visible tells which images tools may have; nil shows this machine all
	// that the node has, private things too.
	Visible func(cid string) bool
}

// Source is the Images of a node: its own, then the network's. It lists what
// everybody may have.
type Source struct {
	cfg SourceConfig
	lib Library
}

// NewSource makes the Images of a node.
func NewSource(cfg SourceConfig, lib Library) *Source {
	cfg.Fetch.Anyone = true
	return &Source{cfg: cfg, lib: lib}
}

// ByName implements Images.
func (s *Source) ByName(ctx context.Context, ref Ref) (Image, error) {
	var tries []string
	if ref.Owner.IsZero() || ref.Owner == s.cfg.Self {
		tries = ref.Spellings()
		if ref.Owner.IsZero() {
			for _, p := range s.cfg.Publishers {
				tries = append(tries, Ref{p, ref.Name, ref.Tag}.String())
			}
		}
	} else {
		tries = []string{ref.String()}
	}
	for _, try := range tries {
		img, err := s.bring(ctx, try)
		if !errors.Is(err, ErrUnknown) {
			return img, err
		}
	}
	return Image{}, ErrUnknown
}

// ByDigest implements Images.
func (s *Source) ByDigest(ctx context.Context, digest string) (Image, error) {
	return s.bring(ctx, digest)
}

// bring asks again when what was brought is collected before it is held.
func (s *Source) bring(ctx context.Context, ref string) (Image, error) {
	for again := false; ; again = true {
		e, dir, err := s.lib.PullImage(ctx, ref, s.cfg.Fetch)
		if errors.Is(err, content.ErrNoName) {
			return Image{}, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		if err != nil {
			return Image{}, err
		}
		if s.cfg.Visible != nil && !s.cfg.Visible(e.CID) {
			return Image{}, ErrUnknown
		}
		img := Image{Digest: e.Digest, Dir: dir}
		if s.cfg.Hold == nil {
			return img, nil
		}
		img.Release, err = s.cfg.Hold(e.CID)
		if err == nil || again {
			return img, err
		}
	}
}

// List implements Images.
func (s *Source) List(context.Context) ([]Ref, error) {
	entries, err := s.lib.Names(content.Image)
	if err != nil {
		return nil, err
	}
	var all []Ref
	for _, e := range entries {
		if ref, ok := ParseRef(identity.PubKey{}, e.Name); ok && s.lib.Shared(e.CID) {
			all = append(all, ref)
		}
	}
	return all, nil
}
