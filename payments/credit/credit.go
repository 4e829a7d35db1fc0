// Package credit is the rail of bilateral mutual credit: two nodes owe each
// other, up to a limit each sets for the other, and sign for every step. No
// third party and no money elsewhere is involved; debts both ways cancel out,
// and a peer's limit grows with what did.
//
// It is package account with that one choice of terms. It refuses any unit but
// payments.Credits. The node calls it, and hands it the streams of the pay
// protocol.
package credit

import (
	"log/slog"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/store"
)

// Name is the rail's name in quotes and receipts.
const Name = "credit"

// What the rail is made of is that of package account.
type (
	Config = account.Config
	Rail   = account.Rail
	Conn   = account.Conn
	Dialer = account.Dialer
)

// ErrNote is account.ErrNote: the peer is at fault.
var ErrNote = account.ErrNote

// Default returns terms that suit strangers: little credit, patience of a day.
func Default() Config {
	cfg := account.Default(Name, payments.Credits)
	cfg.Net = true
	return cfg
}

// New returns the rail of the node with that key. The store is its own (see
// store.Prefix). It starts nothing; it returns what Config.Validate returns.
func New(cfg Config, key *identity.Key, s store.Store, dial Dialer, clock func() time.Time, log *slog.Logger) (*Rail, error) {
	return account.New(cfg, key, s, dial, clock, log)
}
