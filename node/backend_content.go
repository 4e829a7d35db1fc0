package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/hub"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store/blob"
)

// contentBackend is the content store as its owner uses it.
type contentBackend struct{ n *Node }

var _ api.Library = contentBackend{}

var shelves = map[api.ContentKind]content.Kind{
	api.Data: content.Data, api.Models: content.Model, api.Images: content.Image,
}

func (b contentBackend) Add(ctx context.Context, kind api.ContentKind, req api.AddRequest) (api.Content, error) {
	if req.Name != "" {
		if err := content.CheckName(req.Name); err != nil {
			return api.Content{}, api.Errorf(api.CodeBadRequest, "", "%v", err)
		}
	}
	var e content.Entry
	var err error
	switch kind {
	case api.Models:
		return b.addModel(ctx, req)
	case api.Images:
		e, err = b.n.lib.AddImage(ctx, req.Path, req.Name)
	default:
		var info blob.Info
		info, err = b.addData(ctx, req)
		e = content.Entry{Kind: content.Data, CID: info.CID, Size: info.Size, Dir: info.Dir}
	}
	if err != nil {
		return api.Content{}, contentError(err)
	}
	return b.show(e), nil
}

func (b contentBackend) addData(ctx context.Context, req api.AddRequest) (blob.Info, error) {
	blobs := b.n.lib.Blobs()
	if req.Body != nil {
		return blobs.Add(ctx, req.Body)
	}
	info, err := os.Stat(req.Path)
	if err != nil {
		return blob.Info{}, err
	}
	if info.IsDir() {
		return blobs.AddTree(ctx, req.Path)
	}
	return blobs.AddFile(ctx, req.Path, blob.AddOptions{Reference: req.Reference})
}

// show fills in what the store knows of an entry.
func (b contentBackend) show(e content.Entry) api.Content {
	c := api.Content{Name: e.Name, Digest: e.Digest, CID: e.CID, Size: e.Size, Dir: e.Dir}
	if !e.AddedAt.IsZero() {
		at := e.AddedAt
		c.AddedAt = &at
	}
	if info, err := b.n.lib.Blobs().Stat(e.CID); err == nil {
		c.Size, c.Dir, c.Pinned, c.Path = info.Size, info.Dir, info.Pinned, info.Path
	}
	return c
}

func (b contentBackend) List(ctx context.Context, kind api.ContentKind) ([]api.Content, error) {
	out := []api.Content{}
	if kind == api.Data {
		infos, err := b.n.lib.Blobs().List()
		if err != nil {
			return nil, err
		}
		for _, i := range infos {
			out = append(out, b.show(content.Entry{CID: i.CID}))
		}
		return out, nil
	}
	entries, err := b.n.lib.Names(shelves[kind])
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		c := b.show(e)
		if kind == api.Models {
			// One that cannot be described is listed all the same.
			c.Model, _ = b.head(ctx, e.CID, false)
		}
		out = append(out, c)
	}
	return out, nil
}

func (b contentBackend) Get(ctx context.Context, kind api.ContentKind, req api.GetRequest) (api.Content, error) {
	e, err := b.n.lib.Lookup(shelves[kind], req.Ref)
	if errors.Is(err, content.ErrNoName) {
		e, err = content.Entry{Kind: shelves[kind], CID: req.Ref}, nil
	}
	if err != nil {
		return api.Content{}, err
	}
	from, err := peersOf(req.From)
	if err != nil {
		return api.Content{}, err
	}
	limit := req.Max
	if limit == 0 {
		limit = content.MaxBring
	}
	if _, err := b.n.lib.Fetch(ctx, e.CID, limit, from...); err != nil {
		return api.Content{}, contentError(err)
	}
	if req.Dest != "" {
		if err := b.n.lib.Blobs().Export(ctx, e.CID, req.Dest, blob.Limits{}); err != nil {
			return api.Content{}, contentError(err)
		}
	}
	return b.show(e), nil
}

// peersOf reads npubs.
func peersOf(npubs []string) ([]identity.PubKey, error) {
	var out []identity.PubKey
	for _, s := range npubs {
		key, err := identity.ParsePubKey(s)
		if err != nil {
			return nil, api.Errorf(api.CodeBadRequest, "give an npub", "%q is no npub", s)
		}
		out = append(out, key)
	}
	return out, nil
}

func (b contentBackend) Pin(_ context.Context, kind api.ContentKind, ref string, pinned bool) (api.Content, error) {
	e, err := b.n.lib.Lookup(shelves[kind], ref)
	if errors.Is(err, content.ErrNoName) {
		e, err = content.Entry{CID: ref}, nil
	}
	if err != nil {
		return api.Content{}, err
	}
	set := b.n.lib.Blobs().Unpin
	if pinned {
		set = b.n.lib.Blobs().Pin
	}
	if err := set(e.CID); err != nil {
		return api.Content{}, contentError(err)
	}
	return b.show(e), nil
}

func (b contentBackend) GC(ctx context.Context, _ api.ContentKind, req api.GCRequest) (api.GCReport, error) {
	r, err := b.n.lib.GC(ctx, req.DryRun, append(b.n.agg.InUse(), b.n.working()...))
	if err != nil {
		return api.GCReport{}, contentError(err)
	}
	out := api.GCReport{DryRun: req.DryRun, Freed: r.Bytes, Kept: r.Kept, Removed: []api.Content{}}
	for _, i := range r.Removed {
		out.Removed = append(out.Removed, api.Content{CID: i.CID, Size: i.Size, Dir: i.Dir})
	}
	return out, nil
}

// Verify implements api.Library.
func (b contentBackend) Verify(ctx context.Context, kind api.ContentKind, req api.VerifyRequest) (api.VerifyReport, error) {
	var all []api.Content
	if req.Ref == "" {
		list, err := b.List(ctx, kind)
		if err != nil {
			return api.VerifyReport{}, err
		}
		all = list
	} else {
		e, err := b.n.lib.Lookup(shelves[kind], req.Ref)
		if errors.Is(err, content.ErrNoName) {
			e, err = content.Entry{CID: req.Ref}, nil
		}
		if err != nil {
			return api.VerifyReport{}, err
		}
		all = []api.Content{b.show(e)}
	}
	out := api.VerifyReport{Bad: []api.Bad{}}
	for _, c := range all {
		err := b.n.lib.Blobs().Verify(ctx, c.CID)
		switch {
		case ctx.Err() != nil:
			return out, ctx.Err()
		case err == nil:
		case errors.Is(err, blob.ErrCorrupt):
			out.Bad = append(out.Bad, api.Bad{Content: c, Reason: api.BadCorrupt, Detail: err.Error()})
		case errors.Is(err, blob.ErrChanged):
			out.Bad = append(out.Bad, api.Bad{Content: c, Reason: api.BadChanged, Detail: err.Error()})
		case req.Ref != "":
			return out, contentError(err)
		default:
			out.Bad = append(out.Bad, api.Bad{Content: c, Reason: api.BadError, Detail: err.Error()})
		}
		out.Checked++
		out.Bytes += c.Size
	}
	return out, nil
}

// WriteCAR implements api.Library.
func (b contentBackend) WriteCAR(context.Context, string, io.Writer) error {
	return api.Errorf(api.CodeNotReady, "", "this node writes no CAR files")
}

// Share implements api.Library.
func (b contentBackend) Share(context.Context, api.ContentKind, string, bool) (api.Content, error) {
	return api.Content{}, api.Errorf(api.CodeNotReady, "", "this node shares content with jobs only")
}

// Traffic implements api.Library.
func (b contentBackend) Traffic(context.Context) (api.TrafficReport, error) {
	return api.TrafficReport{}, api.Errorf(api.CodeNotReady, "", "this node does not count what it serves")
}

// Mirror implements api.Library.
func (b contentBackend) Mirror(context.Context) (api.Mirror, error) {
	return api.Mirror{}, api.Errorf(api.CodeNotReady, "", "this node mirrors no images")
}

// contentError gives the failures of the store the codes that people's
// programs branch on.
func contentError(err error) error {
	var coded *api.Error
	switch {
	case errors.As(err, &coded):
		return err
	case errors.Is(err, gguf.ErrPickle):
		return api.Errorf(api.CodeRefused, "most models are published as safetensors or GGUF too", "%v", err)
	case errors.Is(err, content.ErrNotModel):
		return api.Errorf(api.CodeBadRequest, "infernet data add takes files of any kind", "%v", err)
	case errors.Is(err, gguf.ErrTruncated), errors.Is(err, gguf.ErrMalformed), errors.Is(err, gguf.ErrVersion):
		return api.Errorf(api.CodeBadRequest, "get the file again", "%v", err)
	case errors.Is(err, gguf.ErrLimit), errors.Is(err, hub.ErrTooBig):
		return api.Errorf(api.CodeTooLarge, "", "%v", err)
	case errors.Is(err, hub.ErrRef):
		return api.Errorf(api.CodeBadRequest, "", "%v", err)
	case errors.Is(err, hub.ErrNotFound):
		return api.Errorf(api.CodeNotFound, "look at the repository's list of files", "%v", err)
	case errors.Is(err, hub.ErrDenied):
		return api.Errorf(api.CodeRefused, "accept the model's terms on its page, then start the node with HF_TOKEN set", "%v", err)
	case errors.Is(err, hub.ErrBusy):
		return api.Errorf(api.CodeConflict, "wait until it is done", "%v", err)
	case errors.Is(err, hub.ErrIncomplete):
		return api.Errorf(api.CodeNoContent, "ask again: it goes on where it ended", "%v", err)
	case errors.Is(err, hub.ErrHash), errors.Is(err, hub.ErrServer), errors.Is(err, hub.ErrRedirect):
		return api.Errorf(api.CodeNoContent, "HF_ENDPOINT of the node names another server", "%v", err)
	case errors.Is(err, blob.ErrNoSpace):
		return api.Errorf(api.CodeDiskFull, "free some space, or run: infernet data gc", "%v", err)
	case errors.Is(err, blob.ErrChanged):
		return api.Errorf(api.CodeConflict, "the file must stay as it was added: put it back, or add it again", "%v", err)
	case errors.Is(err, blob.ErrTooBig):
		return api.Errorf(api.CodeTooLarge, "", "%v", err)
	case errors.Is(err, blob.ErrNotHave), errors.Is(err, blob.ErrNoSource):
		return api.Errorf(api.CodeNoContent, "name a node that has it with --from, or add the file here", "%v", err)
	case errors.Is(err, content.ErrNoName), errors.Is(err, fs.ErrNotExist):
		return api.Errorf(api.CodeNotFound, "", "%v", err)
	case errors.Is(err, fs.ErrExist):
		return api.Errorf(api.CodeConflict, "choose a path that does not exist yet", "%v", err)
	case errors.Is(err, fs.ErrPermission):
		return api.Errorf(api.CodeNoRights, "", "%v", err)
	}
	return fmt.Errorf("content: %w", err)
}
