package openai

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"time"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
)

// pass hands a stream on, event by event, each as soon as it is there. A
// client that reads slowly slows the provider; one that reads nothing at all
// is given up after Config.StallTime.
func (f *Face) pass(w http.ResponseWriter, r *http.Request, resp *infer.Response, x extras) {
	header(w)
	out := oai.NewEventWriter(w)
	c := http.NewResponseController(w)
	err := f.events(resp, func(ev oai.Event) error {
		// A recorder of a test has no deadlines.
		_ = c.SetWriteDeadline(time.Now().Add(f.cfg.StallTime))
		if ev.Done() || len(ev.Data) == 0 {
			return gone(out.Raw(ev.Raw))
		}
		data, drop := x.trim(ev.Data)
		switch {
		case drop:
			return nil
		case len(data) == len(ev.Data):
			return gone(out.Raw(ev.Raw))
		}
		return gone(out.Raw(append(append([]byte("data: "), data...), '\n', '\n')))
	})
	if err == nil || errors.Is(err, errGone) || r.Context().Err() != nil {
		return
	}
	_ = out.Fail(err)
}

func gone(err error) error {
	if err != nil {
		return errGone
	}
	return nil
}

// events reads a stream to its end and calls fn with each event that is what
// it should be. It returns nil after [DONE] and after an error that the stream
// itself told; everything else is an *Error, or fn's error.
func (f *Face) events(resp *infer.Response, fn func(oai.Event) error) error {
	in := oai.NewEventReader(resp.Body, f.cfg.MaxEvent)
	for {
		ev, err := in.Next()
		switch {
		case errors.Is(err, oai.ErrEventTooLong):
			return oai.Upstream("the provider sent an event of more than " + strconv.Itoa(f.cfg.MaxEvent) + " bytes")
		case err != nil:
			return oai.Upstream("the provider's answer was cut short")
		case len(ev.Data) > 0 && !ev.Done() && (ev.Data[0] != '{' || !json.Valid(ev.Data)):
			return oai.Upstream("the provider sent an event that is not JSON")
		}
		if err := fn(ev); err != nil {
			return err
		}
		if ev.Done() || failed(ev.Data) {
			return nil
		}
	}
}

// failed says whether an event is {"error":…}, after which nothing comes.
func failed(data []byte) bool {
	const name = `{"error"`
	return len(data) > len(name) && string(data[:len(name)]) == name
}

// whole hands an answer on that is not streamed.
func (f *Face) whole(w http.ResponseWriter, r *http.Request, resp *infer.Response, h *hold, x extras) {
	raw, err := read(resp, h, f.cfg.MaxAnswer)
	if err != nil {
		if r.Context().Err() == nil {
			fail(w, r, err)
		}
		return
	}
	raw, _ = x.trim(raw)
	header(w)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(f.cfg.StallTime))
	_, _ = w.Write(raw)
}

// read reads an answer that is not streamed and makes sure that it is JSON.
func read(resp *infer.Response, h *hold, most int64) ([]byte, error) {
	raw, err := h.all(resp.Body, most)
	var large errLarge
	var known *oai.Error
	switch {
	case errors.As(err, &large):
		return nil, oai.Upstream("the provider's answer is larger than " + strconv.FormatInt(most, 10) + " bytes")
	case errors.As(err, &known):
		return nil, err
	case err != nil:
		return nil, oai.Upstream("the provider's answer was cut short")
	}
	if t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && t == "text/event-stream" {
		return nil, oai.Upstream("the provider streamed an answer that was asked for whole")
	}
	if !json.Valid(raw) || raw[blank(raw, 0)] != '{' {
		return nil, oai.Upstream("the provider's answer is not JSON")
	}
	return raw, nil
}
