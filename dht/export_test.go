package dht

import (
	"context"

	"github.com/ipfs/go-cid"
)

// ProvideOneByOne announces things as so many lookups, which is what content
// announced together is measured against.
func ProvideOneByOne(ctx context.Context, d *DHT, refs []string) error {
	for _, ref := range refs {
		if err := d.getTable().Provide(ctx, cid.NewCidV1(cid.Raw, contentPlace(ref)), true); err != nil {
			return err
		}
	}
	return nil
}
