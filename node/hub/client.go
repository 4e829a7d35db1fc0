package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Progress tells how far a download is.
type Progress struct {
	Bytes uint64 // here, those of an earlier try included
	Total uint64 // 0 when the server does not say
}

// File is a finished download.
type File struct {
	Path   string
	Size   uint64
	Commit string // of the repository, where the server told
	SHA256 string // hex, where the server told and the bytes were compared
}

// Client downloads files. It is safe for use by many goroutines.
type Client struct {
	cfg      Config
	endpoint *url.URL
	http     *http.Client

	mu     sync.Mutex
	active map[Ref]bool // being downloaded
}

// New makes a client; it starts nothing.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	endpoint, err := url.Parse(strings.TrimRight(cfg.Endpoint, "/"))
	if err != nil {
		return nil, err
	}
	return &Client{
		cfg: cfg, endpoint: endpoint, active: map[Ref]bool{},
		// Redirects are followed by hand: the token must not go along.
		http: &http.Client{Transport: cfg.HTTP, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// Dir is the folder that holds downloads.
func (c *Client) Dir() string { return c.cfg.Dir }

// place is where a file is once it is here: a folder of its own for each
// version, for the content store may refer to what was downloaded before.
func (c *Client) place(r Ref, m meta) string {
	return filepath.Join(c.cfg.Dir, filepath.FromSlash(r.Repo), m.id(), filepath.FromSlash(r.File))
}

// Download brings a file, unless this version of it is here. progress may be
// nil; it is called from one goroutine. Errors: those of this package,
// of the disk and of ctx.
func (c *Client) Download(ctx context.Context, r Ref, progress func(Progress)) (File, error) {
	if !c.begin(r) {
		return File{}, fmt.Errorf("%s: %w", r, ErrBusy)
	}
	defer c.end(r)
	f, err := c.download(ctx, r, progress)
	if err != nil {
		return f, fmt.Errorf("%s: %w", r, err)
	}
	return f, nil
}

func (c *Client) begin(r Ref) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active[r] {
		return false
	}
	c.active[r] = true
	return true
}

func (c *Client) end(r Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.active, r)
}

func (c *Client) download(ctx context.Context, r Ref, progress func(Progress)) (File, error) {
	asking, cancel := context.WithTimeoutCause(ctx, c.cfg.Idle, fmt.Errorf("%w: no answer for %s", ErrServer, c.cfg.Idle))
	m, err := c.meta(asking, r)
	cancel()
	if errors.Is(err, errBroken) {
		err = fmt.Errorf("%w: %w", ErrServer, err)
	}
	if err != nil {
		return File{}, err
	}
	path := c.place(r, m)
	f := File{Path: path, Size: m.size, Commit: m.commit, SHA256: m.sha256}
	if m.sizeKnown && m.size > c.cfg.MaxBytes {
		return f, fmt.Errorf("%w: %d bytes of at most %d", ErrTooBig, m.size, c.cfg.MaxBytes)
	}
	// A file gets its name once it is whole and compared.
	if info, err := os.Stat(path); err == nil && m.etag != "" && (!m.sizeKnown || uint64(info.Size()) == m.size) {
		f.Size = uint64(info.Size())
		return f, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return f, err
	}
	part, err := openPart(path, m)
	if err != nil {
		return f, err
	}
	defer part.close()
	if progress == nil {
		progress = func(Progress) {}
	}
	if err := c.transfer(ctx, r, m, part, progress); err != nil {
		return f, err
	}
	f.Size = part.size
	return f, part.finish(m)
}

// transfer tries until the file is whole, waiting longer each time.
func (c *Client) transfer(ctx context.Context, r Ref, m meta, part *part, progress func(Progress)) error {
	wait := c.cfg.Wait
	for attempt := 1; ; attempt++ {
		err := c.once(ctx, r, m, part, progress)
		if err == nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if !errors.Is(err, errBroken) {
			return err
		}
		if attempt >= c.cfg.Attempts {
			return fmt.Errorf("%w: %d bytes came: %w", ErrIncomplete, part.size, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait *= 2
	}
}
