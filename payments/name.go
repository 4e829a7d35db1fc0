package payments

import (
	"encoding/hex"
	"errors"
	"strings"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
)

// The name of what is paid is its ref. The name of what is received is its ref,
// a mark that no ref has and that sorts before all of them, and the first half of
// the payer's key in hex: what a stranger calls its payments is in nobody's way.
const nameMark = "!"

func nameOf(d Direction, peer identity.PubKey, ref Ref) string {
	if d == Out {
		return string(ref)
	}
	return string(ref) + nameMark + hex.EncodeToString(peer[:len(peer)/2])
}

// refOf is the ref in a name.
func refOf(name string) Ref {
	ref, _, _ := strings.Cut(name, nameMark)
	return Ref(ref)
}

// checkName returns ErrSyntax for what is no name.
func checkName(d Direction, name string) error {
	ref, half, marked := strings.Cut(name, nameMark)
	if err := errors.Join(d.Validate(), Ref(ref).Validate()); err != nil {
		return err
	}
	raw, err := hex.DecodeString(half)
	if err != nil || marked != (d == In) || marked && len(raw) != len(identity.PubKey{})/2 {
		return ErrSyntax
	}
	return nil
}

// Under returns every entry for ref, what was paid before what was received:
// one that was paid at most, and one for each payer that calls its payment so.
func (j *Journal) Under(ref Ref) (all []Entry, err error) {
	if err := ref.Validate(); err != nil {
		return nil, err
	}
	err = j.s.View(func(r store.Reader) error {
		all = nil
		return j.Each(r, Filter{Prefix: string(ref)}, func(e Entry) error {
			if e.Ref == ref {
				all = append(all, e)
			}
			return nil
		})
	})
	return all, err
}
