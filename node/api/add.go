package api

import (
	"net/http"
)

// add takes a path on this machine (JSON), or for data the bytes themselves
// (application/octet-stream).
func (s *Server) add(kind ContentKind) http.HandlerFunc {
	byPath := answerTo(func(r *http.Request, req AddRequest) (Content, error) {
		if err := wantAbs("path", req.Path); err != nil {
			return Content{}, err
		}
		return s.b.Content.Add(r.Context(), kind, req)
	})
	return func(w http.ResponseWriter, r *http.Request) {
		if !contentType(r, "application/octet-stream") {
			byPath(w, r)
			return
		}
		if kind != Data {
			writeError(w, Errorf(CodeBadRequest, "", "%s are added by path", kind))
			return
		}
		body := http.MaxBytesReader(w, r.Body, MaxPrompt)
		out, err := s.b.Content.Add(r.Context(), kind, AddRequest{Body: body})
		respond(w, out, tooLarge(err))
	}
}
