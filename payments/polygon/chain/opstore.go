package chain

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/store"
)

// ledger keeps the Ops of one account on one chain. Keys, after the prefix
// "chain/ID/ADDRESS/":
//
//	op/REF      the Sent
//	open/REF    there while it is not done
//	nonce/N     the ref that has nonce N
//	next        the nonce after the highest given
//	seq         how many were put
type ledger struct {
	s      store.Store
	prefix string
	clock  func() time.Time
}

func newLedger(s store.Store, chainID uint64, of common.Address, clock func() time.Time) ledger {
	return ledger{s: s, prefix: fmt.Sprintf("chain/%d/%x/", chainID, of), clock: clock}
}

func (l ledger) key(kind, name string) []byte { return []byte(l.prefix + kind + "/" + name) }

func (l ledger) nonceKey(n uint64) []byte { return l.key("nonce", fmt.Sprintf("%020d", n)) }

func (l ledger) get(r store.Reader, ref string) (Sent, error) {
	if err := checkRef(ref); err != nil {
		return Sent{}, err
	}
	raw, err := r.Get(l.key("op", ref))
	if errors.Is(err, store.ErrNotFound) {
		return Sent{}, fmt.Errorf("%w: %s", ErrNoOp, ref)
	}
	if err != nil {
		return Sent{}, err
	}
	return decodeSent(raw)
}

func decodeSent(raw []byte) (s Sent, err error) {
	if err := json.Unmarshal(raw, &s); err != nil {
		return Sent{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return s, nil
}

func (l ledger) put(tx store.Txn, s Sent) error {
	s.Updated = l.clock().UTC()
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if s.State.Done() {
		err = tx.Delete(l.key("open", s.Op.Ref))
	} else {
		err = tx.Set(l.key("open", s.Op.Ref), []byte{1})
	}
	return errors.Join(err, tx.Set(l.key("op", s.Op.Ref), raw))
}

// add journals a new Op; the same again changes nothing.
func (l ledger) add(tx store.Txn, op Op) error {
	old, err := l.get(tx, op.Ref)
	switch {
	case err == nil && old.Op.Same(op):
		return nil
	case err == nil:
		return fmt.Errorf("%w: %s", ErrOtherOp, op.Ref)
	case !errors.Is(err, ErrNoOp):
		return err
	}
	seq, err := l.number(tx, "seq")
	if err != nil {
		return err
	}
	s := Sent{Op: op, State: Queued, Created: l.clock().UTC(), Seq: seq}
	return errors.Join(l.setNumber(tx, "seq", seq+1), l.put(tx, s))
}

func (l ledger) number(r store.Reader, name string) (uint64, error) {
	raw, err := r.Get([]byte(l.prefix + name))
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err == nil && len(raw) != 8 {
		err = fmt.Errorf("%w: %s", ErrCorrupt, name)
	}
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(raw), nil
}

func (l ledger) setNumber(tx store.Txn, name string, n uint64) error {
	return tx.Set([]byte(l.prefix+name), binary.BigEndian.AppendUint64(nil, n))
}

// give gives s the nonce; the caller puts s.
func (l ledger) give(tx store.Txn, s *Sent, nonce uint64) error {
	if _, err := tx.Get(l.nonceKey(nonce)); !errors.Is(err, store.ErrNotFound) {
		return errors.Join(fmt.Errorf("%w: nonce %d is given", ErrCorrupt, nonce), err)
	}
	s.Nonce, s.State = &nonce, Pending
	return tx.Set(l.nonceKey(nonce), []byte(s.Op.Ref))
}

// each calls fn with the Sents of the refs that begin with prefix.
func (l ledger) each(r store.Reader, prefix string, fn func(Sent) error) error {
	return r.Scan(l.key("op", prefix), func(_, raw []byte) error {
		s, err := decodeSent(raw)
		if err != nil {
			return err
		}
		return fn(s)
	})
}

// open returns the Sents that are not done.
func (l ledger) open() (out []Sent, err error) {
	err = l.s.View(func(r store.Reader) error {
		out = nil
		var refs []string // scans do not nest
		base := l.key("open", "")
		err := r.Scan(base, func(k, _ []byte) error {
			refs = append(refs, string(k[len(base):]))
			return nil
		})
		for i := 0; err == nil && i < len(refs); i++ {
			var s Sent
			if s, err = l.get(r, refs[i]); err == nil {
				out = append(out, s)
			}
		}
		return err
	})
	return out, err
}
