package content

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/libp2p/go-libp2p/core/protocol"

	"infernet.tech/infernet/node/hub"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

// ErrNotGranted is what a peer hears that asks for a blob it has no part in.
var ErrNotGranted = errors.New("content: not granted to this peer")

// ErrNoName means that a name stands for nothing here.
var ErrNoName = errors.New("content: no such name")

// ErrUntold is ErrNoName for what the network was asked for.
var ErrUntold = fmt.Errorf("%w: nobody who answers knows it", ErrNoName)

// ErrAmbiguous means that something could not be told apart.
var ErrAmbiguous = errors.New("content: ambiguous")

// Opener opens streams to peers; *p2p.Host does.
type Opener interface {
	Open(ctx context.Context, peer identity.PubKey, proto protocol.ID) (*p2p.Stream, error)
}

// Library is one node's content.
type Library struct {
	blobs *blob.Store
	names store.Store
	peers Opener
	dir   string // exported layouts and files that containers see
	log   *slog.Logger

	grants  grants
	builtin Builtin
	headers headers

	net     Network
	changed chan struct{} // capacity 1: other things are shared

	mu        sync.Mutex
	fetches   map[string]*transfer // by CID: one serves all who wait for it
	downloads map[hub.Ref]bool     // under way
}

// New makes a library over a blob store. dir receives what is laid out for
// containers; names keeps the names.
func New(blobs *blob.Store, names store.Store, peers Opener, dir string, log *slog.Logger) *Library {
	return &Library{
		blobs: blobs, names: names, peers: peers, dir: dir, log: log,
		fetches: map[string]*transfer{}, downloads: map[hub.Ref]bool{},
		changed: make(chan struct{}, 1),
	}
}

// Blobs is the store beneath, for its owner's own use.
func (l *Library) Blobs() *blob.Store { return l.blobs }

// Has tells whether a blob is here, whole and verified.
func (l *Library) Has(cid string) bool { return cid != "" && l.blobs.Has(cid) }

// AddTree stores a folder's regular files.
func (l *Library) AddTree(ctx context.Context, dir string) (blob.Info, error) {
	return l.blobs.AddTree(ctx, dir)
}

// Grant lets a peer fetch a blob from this node.
func (l *Library) Grant(cid string, peer identity.PubKey) { l.grants.add(cid, peer) }

// FetchFile brings one file and returns the path of its bytes, readable by
// containers.
func (l *Library) FetchFile(ctx context.Context, cid string, max uint64, from ...identity.PubKey) (string, error) {
	if _, err := l.Fetch(ctx, cid, max, from...); err != nil {
		return "", err
	}
	return l.layOut(ctx, "files", cid)
}

// FetchTree brings a folder and writes it to dest, which must not exist.
func (l *Library) FetchTree(ctx context.Context, cid, dest string, max uint64, from ...identity.PubKey) error {
	if _, err := l.Fetch(ctx, cid, max, from...); err != nil {
		return err
	}
	return l.blobs.Export(ctx, cid, dest, blob.Limits{Bytes: max})
}

// layOut exports a blob once under dir/kind/cid, by hard links where the file
// system can, and returns that path.
func (l *Library) layOut(ctx context.Context, kind, cid string) (string, error) {
	path := filepath.Join(l.dir, kind, cid)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	// Blobs go without a collection too, when room is made for others.
	if err := l.sweepLayouts(); err != nil {
		l.log.Warn("what was laid out of content that is gone stays", "err", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), ".tmp-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := l.blobs.Export(ctx, cid, filepath.Join(tmp, "x"), blob.Limits{Link: true}); err != nil {
		return "", err
	}
	// Two attempts may lay out the same blob: the first rename wins and the
	// content is the same.
	if err := os.Rename(filepath.Join(tmp, "x"), path); err != nil && !exists(path) {
		return "", err
	}
	return path, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// GC removes what has no name and no pin and is not in use. Live work tells
// its CIDs; what of them is not here needs no keeping.
func (l *Library) GC(ctx context.Context, dryRun bool, inUse []string) (blob.GCReport, error) {
	return l.Collect(ctx, blob.GCOptions{DryRun: dryRun}, inUse)
}

// Collect is GC with options. What is gone is given to nobody any more.
func (l *Library) Collect(ctx context.Context, o blob.GCOptions, inUse []string) (blob.GCReport, error) {
	for _, cid := range inUse {
		if release, err := l.blobs.Hold(cid); err == nil {
			defer release()
		}
	}
	report, err := l.blobs.GC(ctx, o)
	if err != nil || o.DryRun {
		return report, err
	}
	for _, gone := range report.Removed {
		if err := l.Unshare(gone.CID); err != nil {
			return report, err
		}
	}
	return report, errors.Join(l.sweepHub(), l.sweepLayouts())
}
