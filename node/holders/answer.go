package holders

import (
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Answer is what one peer says of one Ref. The zero Answer says that it has
// nothing, or nothing for who asked.
type Answer struct {
	Held   uint64 `json:"held,omitempty"`   // payload bytes here
	Size   uint64 `json:"size,omitempty"`   // payload bytes in all, as far as known
	Whole  bool   `json:"whole,omitempty"`  // all of it is here
	Public bool   `json:"public,omitempty"` // everybody may have it, not only who asked
	Price  uint64 `json:"price,omitempty"`  // credits per GiB to who asked; 0 is free

	// CID is what a digest or a name stands for.
	CID string `json:"cid,omitempty"`
	// Names are the newest documents of the authors, each a wire.ContentName:
	// of a name the one, of a digest a few.
	Names []wire.Event `json:"names,omitempty"`
	// Others are more peers that hold it.
	Others []Other `json:"others,omitempty"`
}

// Has tells whether the peer has any of the bytes.
func (a Answer) Has() bool { return a.Whole || a.Held > 0 }

// IsZero tells whether the peer has nothing to say.
func (a Answer) IsZero() bool {
	return !a.Has() && a.CID == "" && len(a.Names) == 0 && len(a.Others) == 0
}

// Other is a peer and where it may be reached.
type Other struct {
	Peer  identity.PubKey `json:"npub"`
	Addrs []string        `json:"addrs,omitempty"` // full addresses (…/p2p/ID)
}

// Query says whom to ask for what.
type Query struct {
	Ref string
	// Ask are peers that are asked first.
	Ask []identity.PubKey
	// Anyone lets peers be asked that are connected, told of by others or in
	// the table.
	Anyone bool
	// Seeding tells those asked that this node gives to everybody what it gets.
	Seeding bool
	// Once ends the search when everybody known was asked; otherwise it goes on
	// until its context ends.
	Once bool
}

// Local is what this node answers from.
type Local interface {
	// Answer tells a peer of a ref what it may know. It must not tell, by its
	// answer or by the time it takes, of what the peer may not have.
	Answer(peer identity.PubKey, ref string) Answer
}
