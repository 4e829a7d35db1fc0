package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"infernet.tech/infernet/exec/image"
)

// manifest answers with an index or manifest by tag or digest. The images of
// tags and of digests not known are brought here first.
func (m *Mirror) manifest(w http.ResponseWriter, r *http.Request, q request) error {
	h, digest, err := m.resolve(r.Context(), q)
	if err != nil {
		return err
	}
	defer h.release()
	d, ok := h.manifest(digest)
	if !ok {
		return errManifest
	}
	raw, err := image.ReadBlob(h.Dir, digest, image.DefaultLimits().ManifestBytes)
	if err != nil {
		return err
	}
	describe(w, digest, d.MediaType)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(raw))
	return nil
}

// resolve finds the image of a reference, and the digest of the manifest that
// it means: an image's own or one below its index.
func (m *Mirror) resolve(ctx context.Context, q request) (held, string, error) {
	if !strings.Contains(q.arg, ":") {
		if !tagForm.MatchString(q.arg) {
			return held{}, "", errManifest // as the specification's tests have it
		}
		h, err := m.tagged(ctx, q.repo, q.arg)
		return h, h.Digest, err
	}
	if !digestForm.MatchString(q.arg) || strings.HasPrefix(q.arg, "sha256:") && !sha256Form.MatchString(q.arg) {
		return held{}, "", errDigest
	}
	if !sha256Form.MatchString(q.arg) {
		return held{}, "", errManifest // a digest by which nothing is found here
	}
	h, err := m.find(ctx, q.repo, q.arg)
	if errors.Is(err, ErrUnknown) {
		h, err = m.byDigest(ctx, q.repo, q.arg)
	}
	return h, q.arg, err
}

// tagged tries what a repository may mean, one after the other.
func (m *Mirror) tagged(ctx context.Context, rep repo, tag string) (held, error) {
	err := error(ErrUnknown)
	for _, ref := range rep.means {
		ref.Tag = tag
		h, nerr := m.byName(ctx, rep, ref)
		if nerr == nil {
			return h, nil
		}
		if !errors.Is(nerr, ErrUnknown) {
			err = fmt.Errorf("%q: %w", cut(ref.String()), nerr)
		}
	}
	return held{}, err
}

// describe sets what tools read of a blob before its bytes. What has a digest
// never changes.
func describe(w http.ResponseWriter, digest, mediaType string) {
	h := w.Header()
	h.Set("Docker-Content-Digest", digest)
	h.Set("ETag", `"`+digest+`"`)
	h.Set("Content-Type", mediaType)
}
