package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// meta is what the server tells of a file before it is transferred.
type meta struct {
	size      uint64
	sizeKnown bool
	etag      string // identifies the bytes; "" when the server gives none
	sha256    string // hex; "" when the server tells none
	commit    string
}

// id names the version in paths.
func (m meta) id() string {
	if m.etag == "" {
		return "unversioned"
	}
	sum := sha256.Sum256([]byte(m.etag))
	return hex.EncodeToString(sum[:8])
}

const maxRedirects = 8

var (
	sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)
	commitForm = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// meta asks for a file's headers. Those of X-Linked stand in the first answer,
// which redirects to where the bytes are; later hosts are not asked for them.
func (c *Client) meta(ctx context.Context, r Ref) (meta, error) {
	resp, first, err := c.follow(ctx, http.MethodHead, r, nil)
	if err != nil {
		return meta{}, err
	}
	_ = resp.Body.Close()
	if err := status(resp); err != nil {
		return meta{}, err
	}
	m := meta{etag: tag(first.Get("X-Linked-Etag")), commit: first.Get("X-Repo-Commit")}
	if !commitForm.MatchString(m.commit) {
		m.commit = ""
	}
	if sha256Form.MatchString(m.etag) {
		m.sha256 = m.etag
	}
	if m.etag == "" {
		m.etag = tag(resp.Header.Get("Etag"))
	}
	if n, err := strconv.ParseUint(first.Get("X-Linked-Size"), 10, 64); err == nil {
		m.size, m.sizeKnown = n, true
	} else if resp.ContentLength >= 0 && resp.Header.Get("Content-Length") != "" {
		m.size, m.sizeKnown = uint64(resp.ContentLength), true
	}
	return m, nil
}

// tag takes an entity tag out of its quotes; weak ones identify no bytes.
func tag(s string) string {
	if strings.HasPrefix(s, "W/") || len(s) > 256 {
		return ""
	}
	return strings.Trim(s, `"`)
}

// follow asks for a file and goes where the answers lead. The token goes to
// the endpoint's own host only. first are the headers of the first answer that
// told something of the file.
func (c *Client) follow(ctx context.Context, method string, r Ref, header http.Header) (resp *http.Response, first http.Header, err error) {
	at := *c.endpoint
	u, err := at.Parse(at.Path + r.path())
	if err != nil {
		return nil, nil, err
	}
	for range maxRedirects {
		req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
		if err != nil {
			return nil, nil, err
		}
		for k, v := range header {
			req.Header[k] = v
		}
		// A transfer that is packed has other lengths than the file.
		req.Header.Set("Accept-Encoding", "identity")
		req.Header.Set("User-Agent", "infernet")
		own := u.Host == c.endpoint.Host && u.Scheme == c.endpoint.Scheme
		if own && c.cfg.Token != "" {
			req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
		}
		resp, err := c.http.Do(req)
		if err != nil {
			return nil, nil, broken(ctx, err)
		}
		if own && (first == nil || resp.Header.Get("X-Linked-Etag") != "") {
			first = resp.Header
		}
		switch resp.StatusCode {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		default:
			return resp, first, nil
		}
		_ = resp.Body.Close()
		if u, err = c.redirect(u, resp.Header.Get("Location")); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, fmt.Errorf("%w: more than %d redirects", ErrRedirect, maxRedirects)
}

func (c *Client) redirect(from *url.URL, location string) (*url.URL, error) {
	to, err := from.Parse(location)
	if location == "" || err != nil || to.Host == "" || to.User != nil {
		return nil, fmt.Errorf("%w: to no address", ErrRedirect)
	}
	if to.Scheme != "https" && (to.Scheme != "http" || c.endpoint.Scheme != "http") {
		return nil, fmt.Errorf("%w: to %.40q, not https", ErrRedirect, to.Scheme)
	}
	return to, nil
}

// status turns an answer that is not the file into an error.
func status(resp *http.Response) error {
	switch s := resp.StatusCode; {
	case s == http.StatusOK || s == http.StatusPartialContent:
		return nil
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		return fmt.Errorf("%w: status %d; a gated or private file needs HF_TOKEN in the node's environment", ErrDenied, s)
	case s == http.StatusNotFound || s == http.StatusGone:
		return ErrNotFound
	case s == http.StatusTooManyRequests || s >= 500:
		return fmt.Errorf("%w: status %d", errBroken, s)
	default:
		return fmt.Errorf("%w: status %d", ErrServer, s)
	}
}
