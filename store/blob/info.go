package blob

import (
	"context"
	"io"
	"runtime"
	"time"
)

// Info describes one file or folder of the store.
type Info struct {
	CID     string // CIDv1, base32
	Size    uint64 // payload bytes; of a folder, those of all files below it
	Blocks  int    // blocks of the DAG, repeated ones counted each time
	Entries int    // of a folder, all files and folders below it
	Dir     bool
	Path    string // the plain file; empty for a folder
	Pinned  bool
	InPlace bool // the bytes are the user's own file, not the store's
}

// Config is what a Store needs to know. Zero fields mean the default.
type Config struct {
	// Workers is the number of goroutines that hash for one Add or Fetch; each
	// costs a buffer of one block.
	Workers int
	// IdleTimeout is how long Fetch waits for the next whole block before it
	// gives the source up, 60 s by default.
	IdleTimeout time.Duration
	// Tree limits what AddTree takes in.
	Tree Limits
}

func (c Config) withDefaults() Config {
	if c.Workers <= 0 {
		c.Workers = min(runtime.GOMAXPROCS(0), 4)
	}
	if c.IdleTimeout <= 0 {
		c.IdleTimeout = time.Minute
	}
	c.Tree = c.Tree.withDefaults()
	return c
}

// AddOptions says how AddFile takes a file in.
type AddOptions struct {
	// Reference leaves the bytes where they are and records size and time.
	Reference bool
	// Pin protects the file from GC.
	Pin bool
}

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
	// OnProgress, when set, is called by Fetch from one goroutine at a time.
	OnProgress func(Progress)
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
	Source   string // who delivers at present
	Bytes    uint64 // payload bytes here, those held before included
	Fetched  uint64 // payload bytes that came from Source
	Total    uint64 // payload bytes known to be needed; grows as folders open
	Complete bool
}

// Source is one peer that may have the content.
type Source struct {
	Name string // for errors and progress
	// Open starts a stream of /infernet/blob/1 to the peer. Fetch closes it,
	// from another goroutine when the fetch is cancelled or the source stalls.
	Open func(ctx context.Context) (io.ReadWriteCloser, error)
}

// GCReport tells what GC removed, or would remove.
type GCReport struct {
	Removed []Info
	Bytes   uint64 // bytes given back to the disk, unfinished fetches included
	Kept    int    // files and folders that stay
}
