package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// profilePatience bounds the search for who holds a profile: a comparison waits
// for it.
const profilePatience = 10 * time.Second

// profiles keeps the signed thresholds of comparators: each is content, pinned
// and shared, and its CID is remembered.
type profiles struct {
	lib   *content.Library
	names store.Store
}

// add checks a profile and keeps it.
func (p profiles) add(ctx context.Context, raw []byte) (compare.Signed, error) {
	s, err := compare.Load(raw, "")
	if err != nil {
		return s, err
	}
	info, err := p.lib.Blobs().Add(ctx, bytes.NewReader(raw))
	if err == nil && info.CID != s.CID {
		err = fmt.Errorf("profile %s is kept as %s", s.CID, info.CID)
	}
	if err != nil {
		return s, err
	}
	if err := errors.Join(p.lib.Blobs().Pin(s.CID), p.lib.Share(s.CID)); err != nil {
		return s, err
	}
	return s, p.names.Update(func(tx store.Txn) error { return tx.Set([]byte(s.CID), nil) })
}

// get returns a profile by its CID, from others where it is not here.
func (p profiles) get(ctx context.Context, cid string) (compare.Signed, error) {
	if !p.lib.Has(cid) {
		o := content.FetchOptions{Max: wire.MaxEvent, Anyone: true, Patience: profilePatience}
		if _, err := p.lib.FetchWith(ctx, cid, o); err != nil {
			return compare.Signed{}, fmt.Errorf("profile %.80q: %w", cid, err)
		}
	}
	f, err := p.lib.Blobs().Open(cid)
	if err != nil {
		return compare.Signed{}, fmt.Errorf("profile %.80q: %w", cid, err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, wire.MaxEvent+1))
	if err != nil {
		return compare.Signed{}, err
	}
	return compare.Load(raw, cid)
}

// list returns those that were added here, by CID.
func (p profiles) list(ctx context.Context) ([]compare.Signed, error) {
	var cids []string
	err := p.names.View(func(r store.Reader) error {
		return r.Scan(nil, func(key, _ []byte) error {
			cids = append(cids, string(key))
			return nil
		})
	})
	var out []compare.Signed
	for _, cid := range cids {
		s, loadErr := p.get(ctx, cid)
		if err = errors.Join(err, loadErr); loadErr == nil {
			out = append(out, s)
		}
	}
	return out, err
}
