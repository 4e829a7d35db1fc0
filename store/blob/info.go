package blob

import (
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
	InPlace bool      // the bytes are the user's own file, not the store's
	Packed  bool      // the bytes share a plain file with others; Path is empty
	Used    time.Time // of the last use, or of the addition
	At      time.Time // when it became visible
}

// Config is what a Store needs to know. Zero fields mean the default.
type Config struct {
	// Workers is the number of goroutines that hash for one Add or Fetch; each
	// costs a buffer of one block.
	Workers int
	// IdleTimeout is how long Fetch waits for the next whole block before it
	// gives the source up, 60 s by default.
	IdleTimeout time.Duration
	// Quota bounds the bytes of the store on disk, files referenced in place
	// not counted; 0 means no bound.
	Quota uint64
	// InUse, when set, tells the CIDs of work that is not held in the store:
	// they, and all below them, stay. It is called when something is about to
	// be removed, and must not call the store.
	InUse func() []string
	// Memory bounds the block buffers of all transfers and additions together,
	// in bytes, 64 MiB by default.
	Memory uint64
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
	c.Quota = min(c.Quota, 1<<60)
	if c.Memory == 0 {
		c.Memory = 64 << 20
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
	// OnRead, when set, is told of each number of bytes that was read, by
	// several goroutines at once.
	OnRead func(n int)
}

// GCReport tells what GC removed, or would remove.
type GCReport struct {
	Removed []Info
	// Bytes is what was removed, unfinished fetches included. The disk has the
	// bytes of packed files back once their packs are rewritten.
	Bytes uint64
	Kept  int // files and folders that stay
}
