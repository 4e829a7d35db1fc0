package api

import (
	"context"
	"net/http"
)

// handler is the whole API behind its guard.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	s.nodeRoutes(mux)
	s.jobRoutes(mux)
	for _, kind := range []ContentKind{Data, Models, Images} {
		s.contentRoutes(mux, kind)
	}
	s.storeRoutes(mux)
	s.marketRoutes(mux)
	s.trustRoutes(mux)
	s.moneyRoutes(mux)
	s.benchRoutes(mux)
	s.inferenceRoutes(mux)
	if s.b.Face != nil {
		s.b.Face.Routes(mux)
	}
	// What no route matched answers as JSON too, method mismatches included.
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, Errorf(CodeNotFound, "infernet help api lists the paths", "nothing at %s %q", cut(r.Method), cut(r.URL.Path)))
	})
	return s.guard(mux, s.ollama())
}

// ollama serves the face alone, below the path that carries the token: who
// holds such an address talks to models and to nothing else of the node.
func (s *Server) ollama() http.Handler {
	mux := http.NewServeMux()
	if s.b.Face != nil {
		s.b.Face.Routes(mux)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		e := Errorf(CodeNotFound, "", "nothing at %s %q", cut(r.Method), cut(r.URL.Path))
		if s.b.Face == nil || !s.b.Face.Refuse(w, r, e.status(), e.Message) {
			// The shape that Ollama's clients read.
			writeJSON(w, e.status(), map[string]string{"error": e.Message})
		}
	})
	return mux
}

func (s *Server) nodeRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/status", answer(func(r *http.Request) (Status, error) {
		return s.b.Node.Status(r.Context())
	}))
	mux.HandleFunc("GET /api/peers", answer(func(r *http.Request) ([]Peer, error) {
		return s.b.Node.Peers(r.Context())
	}))
	mux.HandleFunc("POST /api/stop", answer(func(r *http.Request) (struct{}, error) {
		// The node ends this request's context with itself; stopping must go on.
		return struct{}{}, s.b.Node.Stop(context.WithoutCancel(r.Context()))
	}))
}

func (s *Server) inferenceRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/leases", answer(func(r *http.Request) ([]Lease, error) {
		if s.b.Inference == nil {
			return nil, Errorf(CodeNotReady, "", "this node does not use models of others")
		}
		return s.b.Inference.Leases(r.Context())
	}))
	mux.HandleFunc("GET /api/leases/{id}/receipts", answer(func(r *http.Request) ([]Receipt, error) {
		if s.b.Inference == nil {
			return nil, Errorf(CodeNotReady, "", "this node leases nothing")
		}
		return s.b.Inference.LeaseReceipts(r.Context(), r.PathValue("id"))
	}))
	mux.HandleFunc("GET /api/leases/{id}/evidence", answer(func(r *http.Request) (LeaseEvidence, error) {
		if s.b.Inference == nil {
			return LeaseEvidence{}, Errorf(CodeNotReady, "", "this node leases nothing")
		}
		return s.b.Inference.LeaseEvidence(r.Context(), r.PathValue("id"))
	}))
	mux.HandleFunc("POST /api/replay", answerTo(s.replay))
	mux.HandleFunc("GET /api/audits", answer(func(r *http.Request) (Audits, error) {
		if s.b.Inference == nil {
			return Audits{}, Errorf(CodeNotReady, "", "this node leases nothing")
		}
		return s.b.Inference.Audits(r.Context())
	}))
	mux.HandleFunc("POST /api/token/rotate", answer(func(*http.Request) (File, error) {
		return s.rotate()
	}))
}

func (s *Server) jobRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/jobs", answer(func(r *http.Request) ([]Job, error) {
		return s.b.Jobs.List(r.Context())
	}))
	mux.HandleFunc("POST /api/jobs", answerTo(func(r *http.Request, req SubmitRequest) (Job, error) {
		return s.b.Jobs.Submit(r.Context(), req)
	}))
	mux.HandleFunc("GET /api/jobs/{id}", answer(func(r *http.Request) (Job, error) {
		return s.b.Jobs.Get(r.Context(), r.PathValue("id"))
	}))
	mux.HandleFunc("GET /api/jobs/{id}/events", s.events)
	mux.HandleFunc("POST /api/jobs/{id}/cancel", answerTo(func(r *http.Request, req CancelRequest) (Job, error) {
		return s.b.Jobs.Cancel(r.Context(), r.PathValue("id"), req.Reason)
	}))
	mux.HandleFunc("GET /api/jobs/{id}/explain", answer(func(r *http.Request) (Explanation, error) {
		return s.b.Jobs.Explain(r.Context(), r.PathValue("id"))
	}))
	mux.HandleFunc("POST /api/jobs/{id}/results", answerTo(func(r *http.Request, req ResultsRequest) (JobResult, error) {
		if err := wantAbs("dest", req.Dest); err != nil {
			return JobResult{}, err
		}
		return s.b.Results.Export(r.Context(), r.PathValue("id"), req.Dest)
	}))
	mux.HandleFunc("GET /api/jobs/{id}/receipts", answer(func(r *http.Request) ([]Receipt, error) {
		return s.b.Results.Receipts(r.Context(), r.PathValue("id"))
	}))
}

func (s *Server) marketRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/providers", answer(func(r *http.Request) (ProviderList, error) {
		q, err := providerQuery(r.URL.Query())
		if err != nil {
			return ProviderList{}, err
		}
		return s.b.Market.Providers(r.Context(), q)
	}))
	mux.HandleFunc("GET /api/reputation/{npub}", answer(func(r *http.Request) (Reputation, error) {
		return s.b.Market.Reputation(r.Context(), r.PathValue("npub"))
	}))
}
