package api

import "net/http"

func (s *Server) contentRoutes(mux *http.ServeMux, kind ContentKind) {
	at := "/api/" + string(kind)
	lib := s.b.Content
	mux.HandleFunc("GET "+at, answer(func(r *http.Request) ([]Content, error) {
		return lib.List(r.Context(), kind)
	}))
	mux.HandleFunc("POST "+at, s.add(kind))
	mux.HandleFunc("POST "+at+"/get", s.get(kind))
	mux.HandleFunc("POST "+at+"/verify", s.verify(kind))
	mux.HandleFunc("POST "+at+"/gc", answerTo(func(r *http.Request, req GCRequest) (GCReport, error) {
		return lib.GC(r.Context(), kind, req)
	}))
	for verb, pinned := range map[string]bool{"/pin": true, "/unpin": false} {
		mux.HandleFunc("POST "+at+verb, answerTo(func(r *http.Request, req PinRequest) (Content, error) {
			return lib.Pin(r.Context(), kind, req.Ref, pinned)
		}))
	}
	for verb, shared := range map[string]bool{"/share": true, "/unshare": false} {
		mux.HandleFunc("POST "+at+verb, answerTo(func(r *http.Request, req ShareRequest) (Content, error) {
			return lib.Share(r.Context(), kind, req.Ref, shared)
		}))
	}
	mux.HandleFunc("POST "+at+"/alias", answerTo(func(r *http.Request, req AliasRequest) (Content, error) {
		return lib.Alias(r.Context(), kind, req)
	}))
	mux.HandleFunc("POST "+at+"/rm", answerTo(func(r *http.Request, req PinRequest) (Content, error) {
		return lib.Remove(r.Context(), kind, req.Ref)
	}))
}

// storeRoutes are what the store has once.
func (s *Server) storeRoutes(mux *http.ServeMux) {
	lib := s.b.Content
	mux.HandleFunc("GET /api/data/car", s.getCAR)
	mux.HandleFunc("GET /api/data/traffic", answer(func(r *http.Request) (TrafficReport, error) {
		return lib.Traffic(r.Context())
	}))
	mux.HandleFunc("GET /api/images/mirror", answer(func(r *http.Request) (Mirror, error) {
		return lib.Mirror(r.Context())
	}))
	mux.HandleFunc("GET /api/models/show", answer(func(r *http.Request) (Content, error) {
		q := r.URL.Query()
		if q.Get("ref") == "" {
			return Content{}, Errorf(CodeBadRequest, "", "ref: a name or a CID is needed")
		}
		return lib.Show(r.Context(), q.Get("ref"), q.Get("template") == "true")
	}))
}

func (s *Server) get(kind ContentKind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var req GetRequest
		if err := readJSON(w, r, &req); err != nil {
			writeError(w, err)
			return
		}
		if err := req.check(); err != nil {
			writeError(w, err)
			return
		}
		told(w, wantsLines(r), func(progress func(AddProgress)) (Content, error) {
			req.Progress = progress
			return s.b.Content.Get(r.Context(), kind, req)
		})
	}
}

// check refuses what contradicts itself.
func (q GetRequest) check() error {
	switch {
	case q.Ref == "":
		return Errorf(CodeBadRequest, "", "ref: a name or a CID is needed")
	case q.Local && (len(q.From) > 0 || q.MaxPrice != nil):
		return Errorf(CodeBadRequest, "", "local asks no other node: from and max_price do not go with it")
	case q.CAR && q.Link:
		return Errorf(CodeBadRequest, "", "a CAR is written, not linked")
	case q.Dest != "":
		return wantAbs("dest", q.Dest)
	case q.CAR || q.Link:
		return Errorf(CodeBadRequest, "", "dest: a path is needed")
	}
	return nil
}

func (s *Server) verify(kind ContentKind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var req VerifyRequest
		if err := readJSON(w, r, &req); err != nil {
			writeError(w, err)
			return
		}
		told(w, wantsLines(r), func(progress func(AddProgress)) (VerifyReport, error) {
			req.Progress = progress
			out, err := s.b.Content.Verify(r.Context(), kind, req)
			if out.Bad == nil {
				out.Bad = []Bad{}
			}
			return out, err
		})
	}
}
