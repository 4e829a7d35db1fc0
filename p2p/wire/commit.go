package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"infernet.tech/infernet/p2p/identity"
)

// Commit binds a provider to a result before anyone shows theirs.
type Commit struct {
	Job       ID
	Shard     uint32
	Attempt   uint32
	C         Hash   // see CommitHash
	Units     uint64 // units of work done
	Size      uint64 // bytes of the result
	StartedMS int64  // unix milliseconds by the provider's clock
	EndedMS   int64
	// For whom it is: two aggregators may call their work by one name. Without it
	// the document proves nothing to strangers.
	Aggregator identity.PubKey
}

// Kind returns KindCommit.
func (Commit) Kind() Kind { return KindCommit }

func (m Commit) write(c codec) { m.walk(c) }

func (m *Commit) walk(c codec) {
	c.slot(&m.Job, &m.Shard, &m.Attempt)
	c.id("commit", &m.C)
	c.u64("units", &m.Units)
	c.u64("size", &m.Size)
	c.i64("started", &m.StartedMS)
	c.i64("ended", &m.EndedMS)
	c.opt().pub("p", &m.Aggregator)
}

// Validate checks every field against its limit.
func (m Commit) Validate() error {
	var c checks
	c.slot(m.Job, m.Shard, m.Attempt)
	c.id("commit", m.C)
	c.max("units", m.Units, maxAmount)
	c.max("size", m.Size, maxBytes)
	c.span(m.StartedMS, m.EndedMS)
	return c.err()
}

// commitDomain keeps the hash apart from every other hash and version.
const commitDomain = "infernet/commit/v1"

// CommitHash is what a Commit holds: SHA-256 over the domain and the fields,
// each behind its length as a big-endian uint64, numbers in 4 or 8 bytes. The
// lengths make the encoding injective; the provider's key makes a copied
// commit worthless to the copier; the nonce hides a root that can be guessed.
func CommitHash(job ID, shard, attempt uint32, provider identity.PubKey, root string, size uint64, nonce ID) Hash {
	h := sha256.New()
	for _, f := range [][]byte{
		[]byte(commitDomain),
		job[:],
		binary.BigEndian.AppendUint32(nil, shard),
		binary.BigEndian.AppendUint32(nil, attempt),
		provider[:],
		[]byte(root),
		binary.BigEndian.AppendUint64(nil, size),
		nonce[:],
	} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(f))))
		h.Write(f)
	}
	return Hash(h.Sum(nil))
}

// Reveal opens a Commit: it names the result.
type Reveal struct {
	Job     ID
	Shard   uint32
	Attempt uint32
	Commit  ID     // id of the Commit's document
	Root    string // CID of the result's tree
	Size    uint64 // bytes of the result
	Nonce   ID     // drawn for this commit
}

// Kind returns KindReveal.
func (Reveal) Kind() Kind { return KindReveal }

func (m Reveal) write(c codec) { m.walk(c) }

func (m *Reveal) walk(c codec) {
	c.slot(&m.Job, &m.Shard, &m.Attempt)
	c.id("commit", &m.Commit)
	c.str("root", &m.Root)
	c.u64("size", &m.Size)
	c.id("nonce", &m.Nonce)
}

// Validate checks every field against its limit.
func (m Reveal) Validate() error {
	var c checks
	c.slot(m.Job, m.Shard, m.Attempt)
	c.id("commit", m.Commit)
	c.cid("root", m.Root)
	c.max("size", m.Size, maxBytes)
	c.id("nonce", m.Nonce)
	return c.err()
}

// Opens returns nil when the reveal, said by provider, opens the commit, and
// ErrCommitMismatch naming what differs when not.
func (m Reveal) Opens(c Commit, provider identity.PubKey) error {
	switch {
	case m.Job != c.Job || m.Shard != c.Shard || m.Attempt != c.Attempt:
		return fmt.Errorf("%w: it is of another attempt", ErrCommitMismatch)
	case m.Size != c.Size:
		return fmt.Errorf("%w: size is %d, committed to %d", ErrCommitMismatch, m.Size, c.Size)
	case CommitHash(m.Job, m.Shard, m.Attempt, provider, m.Root, m.Size, m.Nonce) != c.C:
		return fmt.Errorf("%w: hash differs", ErrCommitMismatch)
	}
	return nil
}
