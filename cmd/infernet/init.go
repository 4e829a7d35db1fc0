package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/p2p/identity"
)

func initCmd(a *app) *cobra.Command {
	var lock bool
	var set settings
	c := &cobra.Command{
		Use: "init", Short: "make this node's key and settings",
		Long: `Make the node key of this home: its npub is the node's address and its NOSTR identity.
An existing key is never replaced. With --passphrase the file is encrypted (NIP-49).
Flags that say how the node runs are kept in config.yaml. Nothing needs init: a node
without a key makes one.`,
		Example: "  infernet init\n  infernet init --passphrase --network testnet --bootstrap /ip4/…/p2p/…",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.makeHome(); err != nil {
				return err
			}
			var secret []byte
			// A passphrase that is set is meant: the key is not left in the clear.
			if lock = lock || os.Getenv(passphraseEnv) != ""; lock {
				var err error
				if secret, err = a.newPassphrase(); err != nil {
					return err
				}
			}
			k, err := a.newKey(secret)
			if errors.Is(err, os.ErrExist) {
				return failf(exitConflict, "infernet doctor looks at it; another home: INFERNET_HOME=DIR", "%s holds a key already", a.home)
			}
			if err != nil {
				return err
			}
			if err := set.save(configPath(a.home), cmd.Flags()); err != nil {
				return err
			}
			out := map[string]any{"npub": k.PubKey().String(), "peer_id": k.PeerID().String(), "home": a.home, "encrypted": lock}
			return a.emit(out, func() {
				a.printf("npub  %s", k.PubKey())
				a.printf("peer  %s", k.PeerID())
				a.printf("home  %s", a.home)
				a.sayf("keep a copy of %s: without it this node's name and balances are lost", a.keyPath())
			})
		},
	}
	c.Flags().BoolVar(&lock, "passphrase", false, "encrypt the key file ("+passphraseEnv+", or asked)")
	set.flags(c.Flags())
	return c
}

// newKey makes and saves the node's key; os.ErrExist when there is one.
func (a *app) newKey(passphrase []byte) (*identity.Key, error) {
	return newKeyFile(a.keyPath(), passphrase)
}

// newKeyFile makes a key and saves it; os.ErrExist when there is a file.
func newKeyFile(path string, passphrase []byte) (*identity.Key, error) {
	k, err := identity.Generate()
	if err != nil {
		return nil, err
	}
	if err := identity.Save(path, k, passphrase); err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return k, nil
}
