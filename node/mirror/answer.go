package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"infernet.tech/infernet/exec"
)

// failure is an error in the specification's form.
type failure struct {
	status  int
	code    string
	message string
}

// The codes of the specification, and those that it leaves to registries:
// DENIED and UNAVAILABLE are common, PAGINATION_NUMBER_INVALID is Docker's.
var (
	errName     = failure{http.StatusBadRequest, "NAME_INVALID", "invalid repository name"}
	errNoName   = failure{http.StatusNotFound, "NAME_UNKNOWN", "repository name not known here"}
	errManifest = failure{http.StatusNotFound, "MANIFEST_UNKNOWN", "no such image here, and nobody found who has it"}
	errBlob     = failure{http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to this repository"}
	errDigest   = failure{http.StatusBadRequest, "DIGEST_INVALID", "that is no digest"}
	errPage     = failure{http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", "n is not a number of names"}
	errMethod   = failure{http.StatusMethodNotAllowed, "UNSUPPORTED", "this registry is read-only: add images with infernet image add"}
	errPath     = failure{http.StatusNotFound, "UNSUPPORTED", "there is nothing here by this path"}
	errDenied   = failure{http.StatusForbidden, "DENIED", "only container tools of this machine are served"}
	errBusy     = failure{http.StatusTooManyRequests, "TOOMANYREQUESTS", "too many requests at once"}
	errFailed   = failure{http.StatusBadGateway, "UNAVAILABLE", "the image cannot be had at present"}
	errImage    = failure{http.StatusBadGateway, "MANIFEST_INVALID", "what was found is not that image"}
)

func (f failure) write(w http.ResponseWriter) {
	h := w.Header()
	h.Del("ETag")
	h.Del("Docker-Content-Digest")
	h.Del("Cache-Control")
	switch f.status {
	case http.StatusMethodNotAllowed:
		h.Set("Allow", "GET, HEAD")
	case http.StatusTooManyRequests:
		h.Set("Retry-After", "1")
	}
	type one struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	writeJSON(w, f.status, map[string][]one{"errors": {{f.code, f.message}}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(`{}`)
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client is gone then
}

// explain tells a client what it may know of an error: what strangers and this
// machine's files had to do with it is for the log.
func explain(err error, unknown failure) failure {
	var f failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, ErrUnknown):
		return unknown
	case errors.Is(err, exec.ErrImage), errors.Is(err, exec.ErrImageTooBig):
		return errImage
	case errors.Is(err, context.DeadlineExceeded):
		return failure{http.StatusGatewayTimeout, errFailed.code, errFailed.message}
	}
	return errFailed
}

func (f failure) Error() string { return f.code + ": " + f.message }
