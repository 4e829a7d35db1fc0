package openai

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	oai "infernet.tech/infernet/exec/engine/openai"
)

// errGone says that the client has left; nobody reads an answer.
var errGone = errors.New("the client is gone")

// errQuota says that the files together are over their limit.
var errQuota = errors.New("all files together would be over the limit; delete some")

// fail answers with err in the shape of the request's path.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errGone) || errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return
	}
	if ollamaPath(r.URL.Path) {
		failOllama(w, err)
		return
	}
	header(w)
	oai.WriteError(w, err)
}

// header sets what every answer has.
func header(w http.ResponseWriter) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
}

// reply answers with a document.
func reply(w http.ResponseWriter, v any) {
	header(w)
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	// The only failure left is a client that went away.
	_ = enc.Encode(v)
}

func notFound(w http.ResponseWriter, r *http.Request) {
	e := oai.BadRequest("", "invalid URL (%s %.100q)", r.Method, r.URL.Path)
	e.Status, e.Code = http.StatusNotFound, "unknown_url"
	fail(w, r, e)
}

func wrongMethod(r *http.Request) *oai.Error {
	e := oai.BadRequest("", "not allowed: %.20q on %.100q", r.Method, r.URL.Path)
	e.Status, e.Code = http.StatusMethodNotAllowed, "method_not_allowed"
	return e
}

// missing is the 404 of a file or a batch.
func missing(kind, id string) *oai.Error {
	e := oai.BadRequest("id", "no %s %.100q", kind, id)
	e.Status, e.Code = http.StatusNotFound, "not_found"
	return e
}

// Refuse implements api.Face.
func (f *Face) Refuse(w http.ResponseWriter, r *http.Request, status int, message string) bool {
	if !strings.HasPrefix(r.URL.Path, "/v1/") && !ollamaPath(r.URL.Path) {
		return false
	}
	e := &oai.Error{Status: status, Type: oai.TypeInvalidRequest, Message: message}
	switch status {
	case http.StatusUnauthorized:
		e.Code = "invalid_api_key"
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusForbidden:
		e.Code = "forbidden"
	}
	fail(w, r, e)
	return true
}
