package api

import (
	"io"
	"time"
)

// ContentKind is the shelf a blob stands on.
type ContentKind string

// The three shelves.
const (
	Data   ContentKind = "data"
	Models ContentKind = "models"
	Images ContentKind = "images"
)

// AddRequest asks the node to take something into its content store. Exactly
// one of Path and Body is set.
type AddRequest struct {
	Path      string    `json:"path,omitempty"`      // absolute: a file, a folder, an OCI layout or a docker-save tar
	Name      string    `json:"name,omitempty"`      // models and images: what jobs call it
	Reference bool      `json:"reference,omitempty"` // do not copy; the file must stay as it is
	Body      io.Reader `json:"-"`                   // data only: the bytes themselves
}

// Content is one thing in the store. As "data add" and "model add" print it:
// {cid,size,path}; as "image add" does: {name,digest,cid}; empty fields of the
// other kinds are left out.
type Content struct {
	Name    string     `json:"name,omitempty"`
	Digest  string     `json:"digest,omitempty"` // images: sha256:… of the manifest
	CID     string     `json:"cid"`
	Size    uint64     `json:"size"` // payload bytes
	Path    string     `json:"path,omitempty"`
	Dir     bool       `json:"dir,omitempty"`
	Pinned  bool       `json:"pinned"`
	AddedAt *time.Time `json:"added_at,omitempty"`
}

// GetRequest asks for a copy of something outside the node's home, fetched
// from other nodes first when this one lacks it.
type GetRequest struct {
	Ref  string   `json:"ref"`            // CID or name
	Dest string   `json:"dest,omitempty"` // absolute path that must not exist; "" to fetch only
	From []string `json:"from,omitempty"` // npubs to ask; empty: whoever has it
	Max  uint64   `json:"max,omitempty"`  // bytes; 0: the node's limit
}

// PinRequest names what to keep, or no longer to keep, at collection.
type PinRequest struct {
	Ref string `json:"ref"`
}

// GCRequest asks to remove what nothing needs.
type GCRequest struct {
	DryRun bool `json:"dry_run"`
}

// GCReport tells what was, or would be, removed.
type GCReport struct {
	DryRun  bool      `json:"dry_run"`
	Removed []Content `json:"removed"`
	Freed   uint64    `json:"freed"` // bytes
}
