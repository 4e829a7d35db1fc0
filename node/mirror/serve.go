package mirror

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// request is one that is for an image.
type request struct {
	repo repo
	arg  string // the last part of the path
}

// ServeHTTP answers one request of a container tool.
func (m *Mirror) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w := &steady{ResponseWriter: rw, stall: m.cfg.Stall}
	w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !local(r) {
		errDenied.write(w)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		errMethod.write(w)
		return
	}
	done, err := m.turn(r.Context())
	if err != nil {
		explain(err, errBusy).write(w)
		return
	}
	defer done()
	if err := m.route(w, r); err != nil {
		f := explain(err, errManifest)
		m.log.Debug("mirror: not served", "path", cut(r.URL.Path), "code", f.code, "err", err)
		f.write(w)
	}
}

// route finds what a path is for. Paths are never cleaned: each part must have
// the form of a name, which no part that leads elsewhere has.
func (m *Mirror) route(w http.ResponseWriter, r *http.Request) error {
	rest, ok := strings.CutPrefix(r.URL.Path, "/v2")
	switch {
	case !ok:
		return errPath
	case rest == "" || rest == "/":
		writeJSON(w, http.StatusOK, struct{}{})
		return nil
	case rest == "/_catalog":
		return m.catalog(w, r)
	}
	parts := strings.Split(strings.TrimPrefix(rest, "/"), "/")
	n := len(parts)
	if n < 3 {
		return errPath
	}
	serve := map[string]func(http.ResponseWriter, *http.Request, request) error{
		"manifests": m.manifest, "blobs": m.blob, "tags": m.tags, "referrers": m.referrers,
	}[parts[n-2]]
	if serve == nil {
		return errPath
	}
	rep, ok := parseRepo(strings.Join(parts[:n-2], "/"), r.URL.Query().Get("ns"), m.cfg.Self)
	if !ok {
		return errName
	}
	return serve(w, r, request{rep, parts[n-1]})
}

// referrers lists nothing: what is said about an image comes with it, below
// its index.
func (m *Mirror) referrers(w http.ResponseWriter, _ *http.Request, q request) error {
	if !digestForm.MatchString(q.arg) {
		return errDigest
	}
	w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
	writeJSON(w, http.StatusOK, map[string]any{
		"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageIndex, "manifests": []any{},
	})
	return nil
}

// local lets through what comes from this machine and was not sent by a web
// page: a page that rebound its own name to 127.0.0.1 still sends that name.
func local(r *http.Request) bool {
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if host != "localhost" && (err != nil || !ip.Unmap().IsLoopback()) {
		return false
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Header.Get("Origin") == "" && (site == "" || site == "none")
}

func cut(s string) string { return s[:min(len(s), 300)] }

// find returns the image of this repository that holds a blob, if one that is
// known does.
func (m *Mirror) find(ctx context.Context, rep repo, digest string) (held, error) {
	for _, d := range m.known.images(rep.path, digest) {
		h, err := m.byDigest(ctx, rep, d)
		if err == nil {
			if _, ok := h.blob(digest); ok {
				return h, nil
			}
			h.release()
		} else if ctx.Err() != nil {
			return held{}, ctx.Err()
		}
	}
	return m.search(ctx, rep, digest)
}

// maxSearch is the most names that are looked through for one blob.
const maxSearch = 64

// search goes through the repository's names, for a tool that goes on where it
// was before this node began.
func (m *Mirror) search(ctx context.Context, rep repo, digest string) (held, error) {
	refs, err := m.images.List(ctx)
	if err != nil {
		return held{}, err
	}
	looked := 0
	for _, ref := range refs {
		if !rep.has(ref) {
			continue
		}
		if looked++; looked > maxSearch {
			break
		}
		h, err := m.byName(ctx, rep, ref)
		if ctx.Err() != nil {
			return held{}, ctx.Err()
		}
		if err != nil {
			continue
		}
		if _, ok := h.blob(digest); ok {
			return h, nil
		}
		h.release()
	}
	return held{}, ErrUnknown
}
