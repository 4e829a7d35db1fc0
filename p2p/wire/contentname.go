package wire

import "strings"

// The shelves that names stand on: What of a ContentName.
const (
	WhatImage = "image"
	WhatModel = "model"
	WhatData  = "data"
)

// MaxContentName is the longest name of content, its tag included, in bytes.
const MaxContentName = maxName

// ContentName says that its author means this content by a name, such as
// app:latest. It is addressable (NIP-01) by What and Name together, for a model
// and an image may be called the same: of an author's documents with one
// Address the newest holds. It proves who gave the name and nothing about the
// content, which its reader verifies against Digest and CID.
type ContentName struct {
	Name    string // path-like, with a tag after a colon or without: team/app:v1
	What    string // WhatImage, WhatModel or WhatData
	Digest  string // of an image's index or manifest, sha256:…; empty for the rest
	CID     string // of the file or folder; for an image of its OCI layout's folder
	Size    uint64 // payload bytes below CID
	Created int64  // when the name was given this content, unix seconds
}

// Kind returns KindContentName.
func (ContentName) Kind() Kind { return KindContentName }

// Address is the document's d tag: What, a slash and Name.
func (m ContentName) Address() string { return m.What + "/" + m.Name }

func (m ContentName) write(c codec) { m.walk(c) }

func (m *ContentName) walk(c codec) {
	d := m.Address()
	c.str("d", &d)
	if !c.write {
		m.What, m.Name, _ = strings.Cut(d, "/")
	}
	c.opt().str("digest", &m.Digest)
	c.str("cid", &m.CID)
	c.u64("size", &m.Size)
	c.i64("created", &m.Created)
}

// Validate checks every field against its limit.
func (m ContentName) Validate() error {
	var c checks
	c.that(len(m.Name) <= MaxContentName && isContentName(m.Name), "name", "is not a name of content")
	c.oneOf("what", m.What, WhatImage, WhatModel, WhatData)
	if m.What == WhatImage {
		c.digest("digest", m.Digest)
	} else {
		c.that(m.Digest == "", "digest", "is not for what is no image")
	}
	c.cid("cid", m.CID)
	c.max("size", m.Size, maxBytes)
	c.unix("created", m.Created)
	return c.err()
}

// isContentName takes words between slashes and one more after a colon. A word
// of the path begins with a letter or digit, so that no name is a hidden file,
// an option or a way out of a folder.
func isContentName(s string) bool {
	path, tag, tagged := strings.Cut(s, ":")
	if tagged && !isNameWord(tag) {
		return false
	}
	for word := range strings.SplitSeq(path, "/") {
		if !isNameWord(word) || !alphanumeric(word[0]) {
			return false
		}
	}
	return true
}

func isNameWord(s string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) && !strings.ContainsRune("._-", rune(s[i])) {
			return false
		}
	}
	return s != ""
}
