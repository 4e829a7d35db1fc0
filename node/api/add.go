package api

import (
	"net/http"
	"strconv"
)

// carType is the media type of CAR files, as IPFS gateways name it.
const carType = "application/vnd.ipld.car"

// add takes a path on this machine (JSON), for models a source to download
// from, or for data the bytes themselves (application/octet-stream, or a CAR's).
func (s *Server) add(kind ContentKind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case contentType(r, "application/octet-stream"):
			s.addBytes(w, r, kind)
			return
		case contentType(r, carType):
			s.addCAR(w, r, kind)
			return
		}
		var req AddRequest
		if err := readJSON(w, r, &req); err != nil {
			writeError(w, err)
			return
		}
		if err := req.check(kind); err != nil {
			writeError(w, err)
			return
		}
		// A download takes its time: its caller always hears of it.
		told(w, wantsLines(r) || req.Source != "", func(progress func(AddProgress)) (Content, error) {
			req.Progress = progress
			return s.b.Content.Add(r.Context(), kind, req)
		})
	}
}

// check refuses what contradicts itself.
func (q AddRequest) check(kind ContentKind) error {
	switch {
	case q.Source != "" && (kind != Models || q.Path != ""):
		return Errorf(CodeBadRequest, "", "source is for models, and without a path")
	case q.CAR && kind != Data:
		return Errorf(CodeBadRequest, "", "CAR files are taken in as data")
	case q.CAR && q.Reference:
		return Errorf(CodeBadRequest, "", "what is in a CAR cannot be referenced in place")
	case q.Share && q.Private:
		return Errorf(CodeBadRequest, "", "share and private exclude each other")
	case q.Source != "":
		return nil
	}
	return wantAbs("path", q.Path)
}

func (s *Server) addBytes(w http.ResponseWriter, r *http.Request, kind ContentKind) {
	if kind != Data {
		writeError(w, Errorf(CodeBadRequest, "", "%s are added by path", kind))
		return
	}
	body := http.MaxBytesReader(w, r.Body, MaxPrompt)
	out, err := s.b.Content.Add(r.Context(), kind, AddRequest{Body: body})
	respond(w, out, tooLarge(err))
}

// addCAR takes in the CAR that is the body. The other fields of an AddRequest
// are in the query.
func (s *Server) addCAR(w http.ResponseWriter, r *http.Request, kind ContentKind) {
	v := r.URL.Query()
	req := AddRequest{CAR: true, Body: r.Body, Name: v.Get("name"), Share: v.Get("share") == "true"}
	if text := v.Get("max"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			writeError(w, Errorf(CodeBadRequest, "", "max: %q is not a number of bytes", cut(text)))
			return
		}
		req.Max = n
	}
	if kind != Data {
		writeError(w, Errorf(CodeBadRequest, "", "CAR files are taken in as data"))
		return
	}
	out, err := s.b.Content.Add(r.Context(), kind, req)
	respond(w, out, err)
}

// getCAR answers with content as a CAR. What is not here whole is no CAR: the
// caller gets it first.
func (s *Server) getCAR(w http.ResponseWriter, r *http.Request) {
	ref := r.URL.Query().Get("ref")
	if ref == "" {
		writeError(w, Errorf(CodeBadRequest, "", "ref: a name or a CID is needed"))
		return
	}
	out := &lateHeader{w: w, ctype: carType}
	err := s.b.Content.WriteCAR(r.Context(), ref, out)
	switch {
	case err != nil && !out.begun:
		writeError(w, err)
	case err != nil:
		s.log.Debug("car cut", "error", err)
		// The reader must not take what came for the whole.
		panic(http.ErrAbortHandler)
	}
}

// lateHeader begins the answer with the first byte, so that what fails before
// is an ordinary error.
type lateHeader struct {
	w     http.ResponseWriter
	ctype string
	begun bool
}

func (l *lateHeader) Write(p []byte) (int, error) {
	if !l.begun {
		h := l.w.Header()
		h.Set("Content-Type", l.ctype)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		l.begun = true
	}
	return l.w.Write(p)
}
