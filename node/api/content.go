package api

import (
	"io"
	"time"

	"infernet.tech/infernet/exec/engine/chat"
	"infernet.tech/infernet/exec/engine/gguf"
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
// one of Path, Source and Body is set.
type AddRequest struct {
	Path      string            `json:"path,omitempty"`      // absolute: a file, a folder, an OCI layout or a docker-save tar
	Source    string            `json:"source,omitempty"`    // models: hf:OWNER/REPO/FILE[@REVISION], or a CID
	From      []string          `json:"from,omitempty"`      // with a CID: npubs to ask
	Max       uint64            `json:"max,omitempty"`       // with a CID: bytes; 0: the node's limit
	Name      string            `json:"name,omitempty"`      // models and images: what jobs call it
	Reference bool              `json:"reference,omitempty"` // do not copy; the file must stay as it is
	Body      io.Reader         `json:"-"`                   // data only: the bytes themselves
	Progress  func(AddProgress) `json:"-"`                   // with Source; may be nil
}

// AddProgress tells how far a download is.
type AddProgress struct {
	Bytes uint64 `json:"bytes"`
	Total uint64 `json:"total"` // 0: unknown
}

// AddEvent is one line of the answer to a request with Source. The last has
// Content or Error.
type AddEvent struct {
	Progress *AddProgress `json:"progress,omitempty"`
	Content  *Content     `json:"content,omitempty"`
	Error    *Error       `json:"error,omitempty"`
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
	Model   *ModelHead `json:"model,omitempty"` // what a model says of itself
}

// ModelHead is what a model's file says of itself: a stranger's words. Fields
// that it does not tell are empty.
type ModelHead struct {
	Format       string `json:"format"` // gguf, safetensors or folder
	Title        string `json:"title,omitempty"`
	Architecture string `json:"architecture,omitempty"`
	Quantisation string `json:"quantisation,omitempty"`
	Parameters   uint64 `json:"parameters,omitempty"`
	Context      uint64 `json:"context,omitempty"` // tokens it was trained for
	Embedding    uint64 `json:"embedding,omitempty"`
	Layers       uint64 `json:"layers,omitempty"`
	Vocabulary   uint64 `json:"vocabulary,omitempty"` // tokens
	Tokenizer    string `json:"tokenizer,omitempty"`
	ChatTemplate string `json:"chat_template,omitempty"` // a layout's name; "unknown" for one that is not known
	TemplateText string `json:"template_text,omitempty"` // Jinja; only where it was asked for
}

// NewModelHead is a header as the API shows it, with the chat template's text
// where text is set.
func NewModelHead(h gguf.Header, text bool) ModelHead {
	m := ModelHead{
		Format: string(h.Format), Title: cut(h.Name), Architecture: cut(h.Architecture), Quantisation: h.Quantisation,
		Parameters: h.Parameters, Context: h.ContextLength, Embedding: h.EmbeddingLength, Layers: h.Layers,
		Vocabulary: h.VocabSize, Tokenizer: cut(h.Tokenizer), ChatTemplate: "unknown",
	}
	if t, err := chat.Recognise(h.ChatTemplate); err == nil {
		m.ChatTemplate = t.Name
	}
	if text {
		m.TemplateText = h.ChatTemplate
	}
	return m
}

// AliasRequest gives a name to what another name or a CID stands for.
type AliasRequest struct {
	Name string `json:"name"`
	Ref  string `json:"ref"`
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
