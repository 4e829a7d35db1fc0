package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// errBroken marks failures of the network, after which another try may help.
var errBroken = errors.New("transfer broken")

func broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// The error of net/http has the address, which may be signed: cut it off.
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return fmt.Errorf("%w: no host %.100q", ErrServer, dns.Name)
	}
	return fmt.Errorf("%w: %w", errBroken, err)
}

// once transfers what is missing of a file.
func (c *Client) once(ctx context.Context, r Ref, m meta, p *part, progress func(Progress)) error {
	if m.sizeKnown && p.size == m.size {
		return nil
	}
	ctx, stall := context.WithCancelCause(ctx)
	defer stall(nil)
	timer := time.AfterFunc(c.cfg.Idle, func() { stall(fmt.Errorf("%w: nothing came for %s", errBroken, c.cfg.Idle)) })
	defer timer.Stop()
	header := http.Header{}
	if p.size > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", p.size))
	}
	resp, _, err := c.follow(ctx, http.MethodGet, r, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		// What is here is no beginning of what is there.
		return errors.Join(fmt.Errorf("%w: the part here does not fit", errBroken), p.restart())
	}
	if err := status(resp); err != nil {
		return err
	}
	if err := c.align(resp, m, p); err != nil {
		return err
	}
	return c.copy(ctx, resp.Body, m, p, func() {
		timer.Reset(c.cfg.Idle)
		progress(Progress{Bytes: p.size, Total: m.size})
	})
}

// align makes the part end where the answer begins.
func (c *Client) align(resp *http.Response, m meta, p *part) error {
	if resp.StatusCode == http.StatusPartialContent {
		var from, to, total uint64
		_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &total)
		if err != nil || from != p.size || m.sizeKnown && total != m.size {
			return errors.Join(fmt.Errorf("%w: another range than asked for", errBroken), p.restart())
		}
		return nil
	}
	if p.size > 0 { // it begins anew
		if err := p.restart(); err != nil {
			return err
		}
	}
	if m.sizeKnown && resp.ContentLength >= 0 && uint64(resp.ContentLength) != m.size && resp.Header.Get("Content-Encoding") == "" {
		return fmt.Errorf("%w: %d bytes where %d were told", ErrServer, resp.ContentLength, m.size)
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") && m.etag == "" {
		return fmt.Errorf("%w: a web page", ErrServer)
	}
	return nil
}

// copy appends the body to the part. Errors of the disk are final.
func (c *Client) copy(ctx context.Context, body io.Reader, m meta, p *part, came func()) error {
	limit := c.cfg.MaxBytes
	if m.sizeKnown {
		limit = m.size
	}
	buf := make([]byte, 256<<10)
	for {
		n, err := body.Read(buf)
		if uint64(n) > limit-p.size {
			if m.sizeKnown {
				return errors.Join(fmt.Errorf("%w: more than the %d bytes that were told", ErrServer, m.size), p.restart())
			}
			return errors.Join(fmt.Errorf("%w: more than %d bytes", ErrTooBig, limit), p.restart())
		}
		if werr := p.write(buf[:n]); werr != nil {
			return werr
		}
		if n > 0 {
			came()
		}
		switch {
		case errors.Is(err, io.EOF) && (!m.sizeKnown || p.size == m.size):
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%w: %d of %d bytes", errBroken, p.size, m.size)
		case err != nil:
			return broken(ctx, err)
		}
	}
}
