package handler

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
)

// maxBody is the longest request in bytes.
const maxBody = 4 << 20

// Config of an engine without a model. The zero value works.
type Config struct {
	Model   string        // default "echo"
	Context int           // tokens of prompt and answer, default 8192
	Delay   time.Duration // between two tokens
	Start   time.Duration // until it is healthy; negative is never
	// Exit ends the program, for @crash; nil cuts the connection only.
	Exit func(code int)
}

type server struct {
	Config
	begun time.Time
	vocab vocabulary
}

// New returns the engine.
func New(cfg Config) http.Handler {
	if cfg.Model == "" {
		cfg.Model = "echo"
	}
	if cfg.Context <= 0 {
		cfg.Context = 8192
	}
	s := &server{Config: cfg, begun: time.Now()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", s.health)
	mux.HandleFunc("GET /v1/models", s.models)
	mux.HandleFunc("POST /v1/chat/completions", s.answers((*server).chat))
	mux.HandleFunc("POST /v1/completions", s.answers((*server).completion))
	mux.HandleFunc("POST /v1/embeddings", s.answers((*server).embeddings))
	mux.HandleFunc("POST /tokenize", s.answers((*server).tokenize))
	mux.HandleFunc("POST /detokenize", s.answers((*server).detokenize))
	mux.HandleFunc("POST /infernet/replay", s.answers((*server).replay))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		openai.WriteError(w, &openai.Error{Status: http.StatusNotFound, Type: openai.TypeInvalidRequest, Message: "there is no such path"})
	})
	return mux
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	if s.Start < 0 || time.Since(s.begun) < s.Start {
		openai.WriteError(w, openai.Unavailable("starting"))
		return
	}
	reply(w, map[string]string{"status": "ok"})
}

func (s *server) models(w http.ResponseWriter, _ *http.Request) {
	reply(w, openai.ModelList{Object: openai.ObjectList, Data: []openai.Model{
		{ID: s.Model, Object: openai.ObjectModel, Created: s.begun.Unix(), OwnedBy: "infernet", MaxModelLen: s.Context},
	}})
}

// answers reads the body within its bound and reports an error that comes
// before the answer has begun.
func (s *server) answers(f func(*server, http.ResponseWriter, *http.Request, []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		var long *http.MaxBytesError
		switch {
		case errors.As(err, &long):
			err = openai.TooLarge(maxBody)
		case err == nil:
			err = f(s, w, r, body)
		}
		if err != nil {
			openai.WriteError(w, err)
		}
	}
}

func (s *server) mine(model string) error {
	if model != s.Model {
		return openai.NotFound(model)
	}
	return nil
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
