package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"strconv"

	"infernet.tech/infernet/payments"
)

// maxBody bounds a JSON body; job descriptions are the largest ones.
const maxBody = 1 << 20

// MaxPrompt bounds the bytes that can be added in a request body. Anything
// larger is added by its path.
const MaxPrompt = 16 << 20

// answer serves a question without a body.
func answer[T any](fn func(*http.Request) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out, err := fn(r)
		respond(w, out, err)
	}
}

// answerTo serves a question whose body is one JSON document of type Q.
func answerTo[Q, T any](fn func(*http.Request, Q) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if err := readJSON(w, r, &q); err != nil {
			writeError(w, err)
			return
		}
		out, err := fn(r, q)
		respond(w, out, err)
	}
}

// readJSON decodes a body strictly: bounded, of the right type, no unknown
// fields, nothing after the document.
func readJSON(w http.ResponseWriter, r *http.Request, into any) *Error {
	// A form of a web page cannot send this type without asking first.
	if !contentType(r, "application/json") {
		return Errorf(CodeBadRequest, "send the header Content-Type: application/json", "body of type %q refused", cut(r.Header.Get("Content-Type")))
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil && dec.More() {
		err = errors.New("more than one document")
	}
	if e := (*http.MaxBytesError)(nil); errors.As(err, &e) {
		return Errorf(CodeTooLarge, "", "body of more than %d bytes", e.Limit)
	}
	if err != nil {
		return Errorf(CodeBadRequest, "", "cannot read the request: %v", err)
	}
	return nil
}

func contentType(r *http.Request, want string) bool {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && got == want
}

// respond writes a result, or the error in its place.
func respond(w http.ResponseWriter, out any, err error) {
	if err != nil {
		writeError(w, err)
		return
	}
	// An empty list is [], not null: scripts iterate over it.
	if v := reflect.ValueOf(out); v.Kind() == reflect.Slice && v.IsNil() {
		out = []struct{}{}
	}
	writeJSON(w, http.StatusOK, out)
}

type errorBody struct {
	Error *Error `json:"error"`
}

// writeError answers with what went wrong. The caller owns this node, so an
// error that nobody classified is shown as it is.
func writeError(w http.ResponseWriter, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = classify(err)
	} else if e.Error() != err.Error() {
		wrapped := *e
		wrapped.Message = err.Error()
		e = &wrapped
	}
	writeJSON(w, e.status(), errorBody{Error: e})
}

func classify(err error) *Error {
	code := CodeInternal
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		code = CodeTimeout
	case isDiskFull(err):
		code = CodeDiskFull
	case errors.Is(err, context.Canceled):
		// A caller that left hears nothing of it, so the node ended it.
		return Errorf(CodeNotReady, "ask again once it runs: infernet node", "the node is stopping")
	}
	return &Error{Code: code, Message: err.Error()}
}

func writeJSON(w http.ResponseWriter, status int, out any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The only failure left is a caller that went away.
	_ = json.NewEncoder(w).Encode(out)
}

// wantAbs refuses a path whose meaning depends on the node's working folder.
func wantAbs(field, path string) error {
	if !filepath.IsAbs(path) {
		return Errorf(CodeBadRequest, "", "%s: %q is not an absolute path", field, cut(path))
	}
	return nil
}

func providerQuery(v url.Values) (ProviderQuery, error) {
	q := ProviderQuery{Keys: v["key"], Quotes: v.Get("quotes") == "true"}
	if m := v.Get("max"); m != "" {
		n, err := strconv.Atoi(m)
		if err != nil || n < 1 || n > 1000 {
			return q, Errorf(CodeBadRequest, "", "max: %q is not a number from 1 to 1000", cut(m))
		}
		q.Max = n
	}
	q.Model, q.GPU = v.Get("model"), v.Get("gpu")
	if text := v.Get("min_reputation"); text != "" {
		least, err := strconv.ParseFloat(text, 64)
		if err != nil || !(least >= 0 && least <= 1) {
			return q, Errorf(CodeBadRequest, "", "min_reputation: %q is not a number from 0 to 1", cut(text))
		}
		q.MinReputation = least
	}
	for name, into := range map[string]*string{"max_price_in": &q.MaxPriceIn, "max_price_out": &q.MaxPriceOut} {
		if *into = v.Get(name); *into == "" {
			continue
		}
		if _, err := payments.ParsePrice(*into); err != nil {
			return q, Errorf(CodeBadRequest, "write 900 for credits, or 0.5 sat, or 0.0002 USDC", "%s: %q is no price", name, cut(*into))
		}
	}
	return q, nil
}

// drain lets the connection be used again after an answer we do not need whole.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10)
	_ = body.Close()
}

// tooLarge classifies the error of a body that ran over its limit.
func tooLarge(err error) error {
	if e := (*http.MaxBytesError)(nil); errors.As(err, &e) {
		return Errorf(CodeTooLarge, "write it to a file and add the file", "body of more than %d bytes", e.Limit)
	}
	return err
}
