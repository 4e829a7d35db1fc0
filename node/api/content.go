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
	Path      string            `json:"path,omitempty"`      // absolute: a file, a folder, an OCI layout, a docker-save tar or a CAR
	Source    string            `json:"source,omitempty"`    // models: hf:OWNER/REPO/FILE[@REVISION], or a CID
	From      []string          `json:"from,omitempty"`      // with a CID: npubs to ask; empty: whoever has it
	Max       uint64            `json:"max,omitempty"`       // with a CID or a CAR: bytes; 0: the node's limit
	MaxPrice  *uint64           `json:"max_price,omitempty"` // with a CID: credits per GiB; nil: the node's limit
	Name      string            `json:"name,omitempty"`      // what it is called here
	Reference bool              `json:"reference,omitempty"` // do not copy; the file must stay as it is
	CAR       bool              `json:"car,omitempty"`       // data: Path or Body is a CAR file, whose roots are taken in
	Share     bool              `json:"share,omitempty"`     // anyone may fetch it from this node: the default for models and images
	Private   bool              `json:"private,omitempty"`   // only who is granted it by a job may: the default for data
	Body      io.Reader         `json:"-"`                   // data only: the bytes themselves
	Progress  func(AddProgress) `json:"-"`                   // called by one goroutine at a time; may be nil
}

// Content is one thing in the store. As "data add" and "model add" print it:
// {cid,size,path}; as "image add" does: {name,digest,cid}; empty fields of the
// other kinds are left out.
type Content struct {
	Kind      ContentKind `json:"kind,omitempty"`
	Name      string      `json:"name,omitempty"`
	Names     []string    `json:"names,omitempty"`  // all of them, where there are several
	Digest    string      `json:"digest,omitempty"` // images: sha256:… of the manifest or index
	CID       string      `json:"cid"`
	Size      uint64      `json:"size"`           // payload bytes
	Path      string      `json:"path,omitempty"` // of the plain file in the store, or of the copy asked for
	Dir       bool        `json:"dir,omitempty"`
	Pinned    bool        `json:"pinned"`
	Shared    bool        `json:"shared"`             // anyone may fetch it from this node
	Inside    bool        `json:"inside,omitempty"`   // an entry of a folder that is here too
	InPlace   bool        `json:"in_place,omitempty"` // the bytes are the owner's own file, not a copy
	AddedAt   *time.Time  `json:"added_at,omitempty"`
	UsedAt    *time.Time  `json:"used_at,omitempty"`
	Platforms []string    `json:"platforms,omitempty"` // images: "linux/arm64"
	Others    []Content   `json:"others,omitempty"`    // of a CAR or an archive that holds more than one
	Model     *ModelHead  `json:"model,omitempty"`     // what a model says of itself
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
	Ref      string            `json:"ref"`                 // CID, name or, of images, digest
	Dest     string            `json:"dest,omitempty"`      // absolute path that must not exist; "" to fetch only
	From     []string          `json:"from,omitempty"`      // npubs to ask, and nobody else; empty: whoever has it
	Max      uint64            `json:"max,omitempty"`       // bytes; 0: the node's limit
	MaxPrice *uint64           `json:"max_price,omitempty"` // credits per GiB; nil: the node's limit
	Local    bool              `json:"local,omitempty"`     // only what is here: no other node is asked
	CAR      bool              `json:"car,omitempty"`       // Dest becomes a CAR file
	Link     bool              `json:"link,omitempty"`      // Dest may be a link to the store's own bytes, not to be written to
	Private  bool              `json:"private,omitempty"`   // do not give it to others afterwards
	Progress func(AddProgress) `json:"-"`                   // called by one goroutine at a time; may be nil
}

// PinRequest names what to keep, or no longer to keep, at collection.
type PinRequest struct {
	Ref string `json:"ref"`
}
