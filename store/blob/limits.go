package blob

import (
	"context"
	"io"
)

// Limits bounds what one Fetch, Export or AddTree may bring. Zero fields mean
// the default.
type Limits struct {
	Bytes   uint64 // payload bytes in all, each file as often as it appears; 1 TiB by default
	Entries int    // files and folders in all; 100,000 by default
	Depth   int    // folders inside folders; 32 by default
	// Link lets Export make hard links to the store's read-only files where
	// the file system can, instead of copies. Writing to them would corrupt
	// the store.
	Link bool
	// OnProgress, when set, is called by Fetch from one goroutine at a time, at
	// most ten times a second, and at the end.
	OnProgress func(Progress)
	// Discover, when set, finds more sources while a Fetch runs: it is called
	// once, in a goroutine of the fetch, and gives each to add, which ignores
	// names it has seen. As long as it runs the fetch does not give up for want
	// of sources; it must return when its context ends.
	Discover func(ctx context.Context, add func(Source))
	// OnFailure, when set, is told of each source that fails or is banned, and
	// why: ErrBadBlock and ErrProtocol mean that it lies. Called from one
	// goroutine at a time.
	OnFailure func(source string, err error)
	// MustShow, when set, is asked about each file and folder below the root
	// that is here already, whole or in part: true has a source show that it
	// has it too, by its only block or its nodes, before it becomes part of
	// what is fetched. Who lists a CID need not have what it stands for.
	// Called from one goroutine at a time.
	MustShow func(c string) bool
}

func (l Limits) withDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = 1 << 40
	}
	if l.Entries == 0 {
		l.Entries = 100_000
	}
	if l.Depth == 0 {
		l.Depth = 32
	}
	return l
}

// check refuses content of so many payload bytes and entries.
func (l Limits) check(bytes uint64, entries int) error {
	if bytes > l.Bytes || entries > l.Entries {
		return ErrTooBig
	}
	return nil
}

// Progress tells how far a Fetch is.
type Progress struct {
	Bytes    uint64  // payload bytes here, those held before included
	Fetched  uint64  // payload bytes that came from the sources
	Total    uint64  // payload bytes known to be needed; grows as folders open
	Speed    float64 // payload bytes a second from all sources, over the last seconds
	Sources  []SourceProgress
	Complete bool
}

// SourceProgress tells what one source gave to a Fetch.
type SourceProgress struct {
	Name  string
	Bytes uint64  // payload bytes that came from it
	Speed float64 // bytes a second, over the last seconds
	State string  // StateActive, StateIdle, StateBanned or StateFailed
	Gave  bool    // something that came from it was right, be it a node
}

// The states of a source.
const (
	StateActive = "active" // it was asked and delivers
	StateIdle   = "idle"   // nothing is asked of it at present
	StateBanned = "banned" // it lied, and is not asked again
	StateFailed = "failed" // it could not be reached, refused or broke off
)

// Source is one peer that may have the content.
type Source struct {
	Name string // for errors and progress
	// Open starts a stream of /infernet/blob/1 to the peer. Fetch closes it,
	// from another goroutine when the fetch is cancelled or the source stalls.
	Open func(ctx context.Context) (io.ReadWriteCloser, error)
}
