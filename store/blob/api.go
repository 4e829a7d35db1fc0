package blob

import (
	"context"
	"io"
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

// Config is what a Store needs to know.
type Config struct {
	// Workers is the number of goroutines that hash for one Add or Fetch.
	Workers int
	// IdleTimeout is how long Fetch waits for the next whole block.
	IdleTimeout time.Duration
	// Tree limits what AddTree takes in.
	Tree Limits
}

// AddOptions says how AddFile takes a file in.
type AddOptions struct {
	// Reference leaves the bytes where they are and records size and time.
	Reference bool
	// Pin protects the file from GC.
	Pin bool
}

// Limits bounds what one Fetch or Export may bring. Zero fields mean the
// default of DefaultLimits.
type Limits struct {
	Bytes   uint64 // payload bytes in all, files of a folder counted each time
	Entries int    // files and folders in all
	Depth   int    // folders inside folders
	// Link lets Export make hard links to the store's read-only files where
	// the file system can, instead of copies. Writing to them would corrupt
	// the store.
	Link bool
	// OnProgress, when set, is called by Fetch from one goroutine at a time,
	// after each block and at least once.
	OnProgress func(Progress)
}

// Progress tells how far a Fetch is.
type Progress struct {
	Source   string // who delivers at present; empty before the first
	Bytes    uint64 // payload bytes here, those held before included
	Fetched  uint64 // payload bytes that came over the network
	Total    uint64 // payload bytes known to be needed; grows as folders open
	Complete bool
}

// Source is one peer that may have the content.
type Source struct {
	Name string // for errors and progress
	// Open starts a stream of /infernet/blob/1 to the peer.
	Open func(ctx context.Context) (io.ReadWriteCloser, error)
}

// GCReport tells what GC removed, or would remove.
type GCReport struct {
	Removed []Info
	Bytes   uint64 // bytes given back to the disk, unfinished fetches included
	Kept    int
}
