package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/p2p/identity"
)

func operatorCmd(a *app) *cobra.Command {
	return group("operator", "whose nodes are whose: several nodes of one person, said openly",
		operatorInitCmd(a), operatorBindCmd(a), operatorShowCmd(a))
}

func operatorInitCmd(a *app) *cobra.Command {
	var lock bool
	c := &cobra.Command{
		Use: "init", Short: "make an operator key, which signs which nodes are yours",
		Long: `Make the operator key of this home. With it you say which nodes are yours, so that no two
of them are asked to check each other: who runs several nodes and says so keeps the trust
that they earn, who hides it is treated as one where it shows. Nodes do not need the key:
keep it in a home of its own, on a machine that you trust. An existing key is never
replaced. With --passphrase the file is encrypted (NIP-49).`,
		Example: "  infernet operator init\n  INFERNET_HOME=~/operator infernet operator init --passphrase",
		Args:    args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if err := a.makeHome(); err != nil {
				return err
			}
			var secret []byte
			if lock = lock || os.Getenv(passphraseEnv) != ""; lock {
				var err error
				if secret, err = a.newPassphrase(); err != nil {
					return err
				}
			}
			k, err := newKeyFile(a.operatorKeyPath(), secret)
			if errors.Is(err, os.ErrExist) {
				return failf(exitConflict, "infernet operator show tells whose it is; another home: INFERNET_HOME=DIR", "%s holds an operator key already", a.home)
			}
			if err != nil {
				return err
			}
			out := map[string]any{"operator": k.PubKey().String(), "path": a.operatorKeyPath(), "encrypted": lock}
			return a.emit(out, func() {
				a.printf("operator %s", k.PubKey())
				a.sayf("keep a copy of %s: without it no node can be added to this operator's", a.operatorKeyPath())
			})
		},
	}
	c.Flags().BoolVar(&lock, "passphrase", false, "encrypt the key file ("+passphraseEnv+", or asked)")
	return c
}

func operatorBindCmd(a *app) *cobra.Command {
	var how binding
	c := &cobra.Command{
		Use: "bind [NPUB…]", Short: "sign that nodes are yours",
		Long: `Sign, with the operator key of this home, that nodes are yours: this home's own node where
there is one, those bound before, and those named here. The signed file is put beside the
node's key, whose offers show it from its next start on. Other nodes of yours need a copy:
--out writes one, and in their homes --from takes it.`,
		Example: "  infernet operator bind\n  infernet operator bind npub1… npub1… --out binding.json\n  infernet operator bind --from binding.json     in the home of another node",
		Args:    args(0, -1, "any number of NPUBs"),
		RunE: func(_ *cobra.Command, given []string) error {
			if how.days < 1 || how.days > maxBindingDays {
				return usagef("--days: %d is not between 1 and %d", how.days, maxBindingDays)
			}
			return a.bind(how, given)
		},
	}
	f := c.Flags()
	f.StringVar(&how.out, "out", "", "write a copy to this file, which must not exist")
	f.StringVar(&how.from, "from", "", "take a binding that was signed elsewhere, for this home's node")
	f.StringSliceVar(&how.drop, "drop", nil, "npub of a node that is yours no more (repeatable)")
	f.IntVar(&how.days, "days", 365, "how long it holds")
	return c
}

func operatorShowCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "show whose this home's node is, and which other nodes are theirs",
		Example: "  infernet operator show\n  infernet operator show --json",
		Args:    args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			b, err := readBinding(a.operatorPath())
			if errors.Is(err, os.ErrNotExist) {
				return failf(exitNotFound, "infernet operator init makes a key, infernet operator bind signs", "nobody says whose node this is: no %s", a.operatorPath())
			}
			if err != nil {
				return err
			}
			return a.emit(b.document(a.operatorPath()), func() { a.showBinding(b) })
		},
	}
}

// showBinding prints a binding for people, who learn at once when it has ended.
func (a *app) showBinding(b signedBinding) {
	until := time.Unix(b.Expires, 0)
	a.printf("operator %s", b.operator)
	for _, n := range b.Nodes {
		a.printf("node     %s", n)
	}
	a.printf("until    %s", until.UTC().Format(time.DateOnly))
	if time.Now().After(until) {
		a.sayf("it has expired: infernet operator bind signs it anew")
	}
}

// document is the binding as JSON tells it.
func (b signedBinding) document(path string) map[string]any {
	nodes := make([]string, 0, len(b.Nodes))
	for _, n := range b.Nodes {
		nodes = append(nodes, n.String())
	}
	until := time.Unix(b.Expires, 0).UTC()
	return map[string]any{"operator": b.operator.String(), "nodes": nodes, "expires": until, "expired": time.Now().After(until), "path": path}
}

// badBinding is a file that holds no binding that counts.
func badBinding(path string, err error) error {
	return failf(exitCheck, "move it away: infernet operator bind signs a new one, and --from takes what --out wrote", "%s is no signed binding: %s", path, words(err.Error()))
}

// ours refuses a binding that does not name this home's node: its offers would
// not be taken.
func (a *app) ours(b signedBinding) error {
	self, err := a.ownNode()
	if err != nil {
		return err
	}
	return a.holdsFor(self, b)
}

// holdsFor is ours for a node whose key is known.
func (a *app) holdsFor(self identity.PubKey, b signedBinding) error {
	switch {
	case self.IsZero():
		return failf(exitNotFound, "infernet init makes a node key", "there is no node in %s to be bound", a.home)
	case !slices.Contains(b.Nodes, self):
		return failf(exitRefused, fmt.Sprintf("where the operator key is: infernet operator bind %s --out FILE", self), "the binding does not name this home's node")
	case time.Now().Unix() > b.Expires:
		return failf(exitRefused, "where the operator key is: infernet operator bind --out FILE", "the binding has expired")
	}
	return nil
}
