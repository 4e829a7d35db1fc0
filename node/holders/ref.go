package holders

import (
	"fmt"
	"strings"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Form tells the three kinds of Ref apart.
type Form int

// What a Ref can be.
const (
	FormCID    Form = iota + 1 // bafy…, of a file or folder
	FormDigest                 // sha256:…, of an image's index or manifest
	FormName                   // npub1…/image/team/app:v1, a name by its author
)

// maxRef is more than any Ref has: an npub, a shelf, a name.
const maxRef = 64 + 16 + wire.MaxContentName

// FormOf returns what a ref is. ErrRef: nothing that can be asked for.
func FormOf(ref string) (Form, error) {
	if len(ref) > maxRef {
		return 0, ErrRef
	}
	// One document knows the forms of all its fields; so does its check.
	probe := wire.ContentName{Name: "x", What: wire.WhatData, CID: ref, Created: 1}
	if strings.HasPrefix(ref, "npub1") {
		_, _, err := SplitName(ref)
		return FormName, err
	}
	form := FormCID
	if strings.HasPrefix(ref, "sha256:") {
		form = FormDigest
		probe.What, probe.Digest, probe.CID = wire.WhatImage, ref, anyCID
	}
	if err := probe.Validate(); err != nil {
		return 0, fmt.Errorf("%w: %.80q", ErrRef, ref)
	}
	return form, nil
}

// anyCID stands where a CID must and does not matter: that of no bytes.
const anyCID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"

// NameRef is the ref of an author's name on a shelf (wire.WhatImage, …).
func NameRef(author identity.PubKey, what, name string) string {
	return author.String() + "/" + wire.ContentName{What: what, Name: name}.Address()
}

// SplitName returns whose name a ref is, and its address (shelf, slash, name).
func SplitName(ref string) (identity.PubKey, string, error) {
	npub, address, _ := strings.Cut(ref, "/")
	author, err := identity.ParsePubKey(npub)
	if err != nil || npub != author.String() {
		return author, "", fmt.Errorf("%w: %.80q", ErrRef, ref)
	}
	what, name, _ := strings.Cut(address, "/")
	probe := wire.ContentName{Name: name, What: what, CID: anyCID, Created: 1}
	if what == wire.WhatImage {
		probe.Digest = anyDigest
	}
	if probe.Validate() != nil {
		return author, "", fmt.Errorf("%w: %.80q", ErrRef, ref)
	}
	return author, address, nil
}

// anyDigest is anyCID's digest.
const anyDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
