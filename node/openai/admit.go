package openai

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
)

// begin takes one of the places for requests; its done gives it back.
func (f *Face) begin(w http.ResponseWriter) (*hold, error) {
	select {
	case f.slots <- struct{}{}:
		return &hold{face: f}, nil
	default:
	}
	w.Header().Set("Retry-After", "1")
	return nil, oai.RateLimit("too many requests at once: " + strconv.Itoa(f.cfg.Requests) + " are being answered")
}

// body reads a request whole: a length over the limit is refused before a byte
// is read, and a sender that dawdles is cut off.
func (f *Face) body(w http.ResponseWriter, r *http.Request, h *hold, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return nil, oai.TooLarge(limit)
	}
	c := http.NewResponseController(w)
	// A recorder of a test has no deadlines.
	_ = c.SetReadDeadline(time.Now().Add(f.cfg.BodyTime))
	raw, err := h.all(http.MaxBytesReader(w, r.Body, limit), limit)
	_ = c.SetReadDeadline(time.Time{})
	var large *http.MaxBytesError
	var known *oai.Error
	switch {
	case err == nil:
		return raw, nil
	case errors.As(err, &large):
		return nil, oai.TooLarge(limit)
	case errors.As(err, &known):
		w.Header().Set("Connection", "close")
		w.Header().Set("Retry-After", "1")
		return nil, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		e := oai.BadRequest("", "the request's body did not arrive within %s", f.cfg.BodyTime)
		e.Status = http.StatusRequestTimeout
		w.Header().Set("Connection", "close")
		return nil, e
	}
	return nil, oai.BadRequest("", "the request's body was cut short")
}

// prefer takes over what the client's headers ask for.
func prefer(req *infer.Request, h http.Header) error {
	if s := h.Get(HeaderSession); s != "" {
		if len(s) > maxSession {
			return oai.BadRequest("", "%s is longer than %d bytes", HeaderSession, maxSession)
		}
		req.Session = s
	}
	for name, into := range map[string]*payments.Amount{HeaderMaxPriceIn: &req.MaxPriceIn, HeaderMaxPriceOut: &req.MaxPriceOut} {
		text := h.Get(name)
		if text == "" {
			continue
		}
		most, err := payments.ParsePrice(text)
		if err != nil || most.IsZero() {
			return oai.BadRequest("", "%s: %.40q is no price per million tokens: write 900 for credits, or 0.5 sat, or 0.0002 USDC", name, text)
		}
		*into = most
	}
	return nil
}

// do asks; an answer that is none is returned as its error.
func (f *Face) do(r *http.Request, req infer.Request) (*infer.Response, error) {
	resp, err := answerOf(r.Context(), f.infer, req)
	if err != nil && r.Context().Err() != nil {
		return nil, errGone
	}
	if err != nil && oai.AsError(err).Status >= 500 {
		f.log.Debug("request failed", "model", req.Model, "error", err)
	}
	return resp, err
}

func answerOf(ctx context.Context, to Inferer, req infer.Request) (*infer.Response, error) {
	resp, err := to.Do(ctx, req)
	if err != nil || resp.Status == 0 || resp.Status/100 == 2 {
		return resp, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, oai.Upstream("the provider's answer was cut short")
	}
	return nil, oai.ReadError(resp.Status, raw)
}

// label tells who answers and on what terms.
func label(w http.ResponseWriter, resp *infer.Response) {
	h := w.Header()
	h.Set(HeaderVerified, LabelClaimed)
	h.Set(HeaderProvider, resp.Provider.String())
	if resp.Lease != (wire.ID{}) {
		h.Set(HeaderLease, resp.Lease.String())
		h.Set(HeaderPrice, price(resp))
	}
}
