package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Add takes a path of this machine, or for models a source, into the node's
// store. req.Body is not sent.
func (c *Client) Add(ctx context.Context, kind ContentKind, req AddRequest) (Content, error) {
	return follow[Content](ctx, c, kindPath(kind, ""), req, req.Progress)
}

// AddBytes stores at most MaxPrompt bytes as data.
func (c *Client) AddBytes(ctx context.Context, body io.Reader) (Content, error) {
	return c.addBody(ctx, kindPath(Data, ""), "application/octet-stream", body)
}

// AddCAR takes in the CAR that body holds; of req, Name, Share and Max count.
func (c *Client) AddCAR(ctx context.Context, body io.Reader, req AddRequest) (Content, error) {
	v := url.Values{"name": {req.Name}, "share": {strconv.FormatBool(req.Share)}, "max": {strconv.FormatUint(req.Max, 10)}}
	return c.addBody(ctx, kindPath(Data, "?")+v.Encode(), carType, body)
}

func (c *Client) addBody(ctx context.Context, path, ctype string, body io.Reader) (out Content, err error) {
	resp, err := c.do(ctx, http.MethodPost, path, ctype, body)
	if err != nil {
		return out, err
	}
	defer drain(resp.Body)
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("read the node's answer: %w", err)
	}
	return out, nil
}

// List returns what stands on one shelf; on that of data, all that is here.
func (c *Client) List(ctx context.Context, kind ContentKind) (out []Content, err error) {
	return out, c.get(ctx, kindPath(kind, ""), &out)
}

// Get fetches content and writes a copy where req.Dest is set.
func (c *Client) Get(ctx context.Context, kind ContentKind, req GetRequest) (Content, error) {
	return follow[Content](ctx, c, kindPath(kind, "/get"), req, req.Progress)
}

// WriteCAR writes content that is here to w as a CAR. After an error w has
// less than all of it.
func (c *Client) WriteCAR(ctx context.Context, ref string, w io.Writer) error {
	resp, err := c.do(ctx, http.MethodGet, kindPath(Data, "/car?")+url.Values{"ref": {ref}}.Encode(), "application/json", nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	from := &reading{r: resp.Body}
	switch _, err := io.Copy(w, from); {
	case ctx.Err() != nil:
		return ctx.Err()
	case from.err != nil:
		return fmt.Errorf("%w: %w", ErrAddCut, from.err)
	default:
		return err
	}
}

// reading tells the errors of a reader from those of the writer beside it.
type reading struct {
	r   io.Reader
	err error
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// Verify reads content again and reports what is bad.
func (c *Client) Verify(ctx context.Context, kind ContentKind, req VerifyRequest) (VerifyReport, error) {
	return follow[VerifyReport](ctx, c, kindPath(kind, "/verify"), req, req.Progress)
}

// Pin keeps content at collection, or no longer does.
func (c *Client) Pin(ctx context.Context, kind ContentKind, ref string, pinned bool) (out Content, err error) {
	verb := "/pin"
	if !pinned {
		verb = "/unpin"
	}
	return out, c.post(ctx, kindPath(kind, verb), PinRequest{Ref: ref}, &out)
}

// Share lets anyone fetch content from this node, or no longer does.
func (c *Client) Share(ctx context.Context, kind ContentKind, ref string, shared bool) (out Content, err error) {
	verb := "/share"
	if !shared {
		verb = "/unshare"
	}
	return out, c.post(ctx, kindPath(kind, verb), ShareRequest{Ref: ref}, &out)
}

// GC removes what nothing needs.
func (c *Client) GC(ctx context.Context, kind ContentKind, req GCRequest) (out GCReport, err error) {
	return out, c.post(ctx, kindPath(kind, "/gc"), req, &out)
}

// Traffic tells what was served and fetched, by peer.
func (c *Client) Traffic(ctx context.Context) (out TrafficReport, err error) {
	return out, c.get(ctx, kindPath(Data, "/traffic"), &out)
}

// Mirror tells where container tools pull from.
func (c *Client) Mirror(ctx context.Context) (out Mirror, err error) {
	return out, c.get(ctx, kindPath(Images, "/mirror"), &out)
}

// Show describes a model; template asks for its chat template's text too.
func (c *Client) Show(ctx context.Context, ref string, template bool) (out Content, err error) {
	v := url.Values{"ref": {ref}, "template": {strconv.FormatBool(template)}}
	return out, c.get(ctx, kindPath(Models, "/show?")+v.Encode(), &out)
}

// Alias makes one more name for what ref stands for.
func (c *Client) Alias(ctx context.Context, kind ContentKind, name, ref string) (out Content, err error) {
	return out, c.post(ctx, kindPath(kind, "/alias"), AliasRequest{Name: name, Ref: ref}, &out)
}

// Remove takes a name away.
func (c *Client) Remove(ctx context.Context, kind ContentKind, name string) (out Content, err error) {
	return out, c.post(ctx, kindPath(kind, "/rm"), PinRequest{Ref: name}, &out)
}

// follow asks with a JSON body and reads an answer of one document or of
// lines, whichever the node chose; progress may be nil.
func follow[T any](ctx context.Context, c *Client, path string, req any, progress func(AddProgress)) (out T, err error) {
	raw, err := json.Marshal(req)
	if err != nil {
		return out, fmt.Errorf("encode request: %w", err)
	}
	accept := "application/json"
	if progress != nil {
		accept = ndjson
	}
	resp, err := c.doAccept(ctx, http.MethodPost, path, "application/json", accept, bytes.NewReader(raw))
	if err != nil {
		return out, err
	}
	defer func() { _ = resp.Body.Close() }()
	dec := json.NewDecoder(resp.Body)
	if resp.Header.Get("Content-Type") != ndjson {
		if err := dec.Decode(&out); err != nil {
			return out, fmt.Errorf("read the node's answer: %w", err)
		}
		return out, nil
	}
	for {
		var l Line[T]
		switch err := dec.Decode(&l); {
		case ctx.Err() != nil:
			return out, ctx.Err()
		case err != nil:
			return out, fmt.Errorf("%w: %w", ErrAddCut, err)
		case l.Error != nil:
			return out, l.Error
		case l.Result != nil:
			return *l.Result, nil
		case l.Progress != nil && progress != nil:
			progress(*l.Progress)
		}
	}
}
