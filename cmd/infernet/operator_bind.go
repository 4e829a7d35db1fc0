package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// maxBindingDays is how long a binding may hold; the key may be lost meanwhile.
const maxBindingDays = 3650

// maxBindingFile bounds what is read of a file that should hold a binding.
const maxBindingFile = 16 << 10

// signedBinding is a binding whose signature holds.
type signedBinding struct {
	wire.OperatorBinding
	operator identity.PubKey
	raw      []byte // as it was signed
}

// binding is what operator bind is asked for.
type binding struct {
	out, from string
	drop      []string
	days      int
}

func (a *app) operatorKeyPath() string { return filepath.Join(a.home, "operator-key") }

// operatorPath is where the node reads whose it is.
func (a *app) operatorPath() string { return node.OperatorPath(a.home) }

// bind makes a binding, or takes one, and puts it where the node reads it.
func (a *app) bind(how binding, given []string) error {
	out, err := a.destination(how.out)
	if err != nil {
		return err
	}
	if how.from != "" {
		return a.takeBinding(how, given)
	}
	k, err := a.operatorKey()
	if err != nil {
		return err
	}
	nodes, err := a.nodesOf(k.PubKey(), how.drop, given)
	if err != nil {
		return err
	}
	now := time.Now()
	b := wire.OperatorBinding{Nodes: nodes, Expires: now.AddDate(0, 0, how.days).Unix()}
	ev, err := wire.Seal(k, b, now)
	if err != nil {
		return fmt.Errorf("sign binding: %w", err)
	}
	if out != "" {
		if err := writeNew(out, ev.Bytes()); err != nil {
			return err
		}
	}
	return a.keepBinding(signedBinding{b, k.PubKey(), ev.Bytes()})
}

// takeBinding puts a binding that was signed elsewhere into this home.
func (a *app) takeBinding(how binding, given []string) error {
	if how.out != "" || len(how.drop) > 0 || len(given) > 0 {
		return usagef("--from takes a binding as it was signed: no NPUB, --drop or --out goes with it")
	}
	b, err := readBinding(how.from)
	if err != nil {
		return err
	}
	if err := a.ours(b); err != nil {
		return err
	}
	return a.keepBinding(b)
}

// keepBinding writes the file anew, never over another operator's.
func (a *app) keepBinding(b signedBinding) error {
	path := a.operatorPath()
	before, err := readBinding(path)
	switch {
	case err == nil && before.operator != b.operator:
		return failf(exitConflict, "a node has one operator: move the file away first", "%s is of the operator %s", path, before.operator)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err := replaceFile(path, b.raw); err != nil {
		return err
	}
	return a.emit(b.document(path), func() {
		a.showBinding(b)
		a.sayf("the node shows it from its next start on")
	})
}

// nodesOf are the nodes to be bound: those bound before by the same operator,
// this home's own and the given ones, without the dropped; in order, each once.
func (a *app) nodesOf(operator identity.PubKey, drop, given []string) ([]identity.PubKey, error) {
	var nodes []identity.PubKey
	if b, err := readBinding(a.operatorPath()); err == nil && b.operator == operator {
		nodes = b.Nodes
	}
	self, err := a.ownNode()
	if err != nil {
		return nil, err
	}
	if !self.IsZero() {
		nodes = append(nodes, self)
	}
	named, err := pubKeys(given)
	if err != nil {
		return nil, err
	}
	gone, err := pubKeys(drop)
	if err != nil {
		return nil, err
	}
	if slices.Contains(gone, self) {
		return nil, failf(exitUsage, "remove "+a.operatorPath()+" when this node has no operator any more", "--drop: %s is this home's own node", self)
	}
	var out []identity.PubKey
	for _, n := range append(nodes, named...) {
		if !slices.Contains(gone, n) && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	switch {
	case len(out) == 0:
		return nil, failf(exitUsage, "name the nodes that are yours, or make one here: infernet init", "there is no node to be bound")
	case len(out) > wire.MaxNodes:
		return nil, failf(exitUsage, "--drop those that are gone; more nodes need a second operator key", "%d nodes, one operator binds at most %d", len(out), wire.MaxNodes)
	}
	return out, nil
}

func pubKeys(texts []string) ([]identity.PubKey, error) {
	var out []identity.PubKey
	for _, t := range texts {
		k, err := identity.ParsePubKey(t)
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

// operatorKey opens the operator key of this home.
func (a *app) operatorKey() (*identity.Key, error) {
	k, err := a.openKey(a.operatorKeyPath(), "operator key")
	if errors.Is(err, os.ErrNotExist) {
		return nil, failf(exitNotFound, "infernet operator init makes one; --from takes a binding that was signed elsewhere", "there is no operator key in %s", a.home)
	}
	return k, err
}

// ownNode is the key of this home's node; zero when there is none.
func (a *app) ownNode() (identity.PubKey, error) {
	k, err := a.openKey(a.keyPath(), "node key")
	if errors.Is(err, os.ErrNotExist) {
		return identity.PubKey{}, nil
	}
	if err != nil {
		return identity.PubKey{}, err
	}
	return k.PubKey(), nil
}

// readBinding reads a file and checks the signature. Errors: os.ErrNotExist,
// and one of its own for what is no binding.
func readBinding(path string) (signedBinding, error) {
	raw, err := readBounded(path, maxBindingFile)
	if err != nil {
		return signedBinding{}, err
	}
	b, operator, err := wire.ParseBinding(string(raw))
	if err != nil {
		return signedBinding{}, badBinding(path, err)
	}
	return signedBinding{b, operator, raw}, nil
}
