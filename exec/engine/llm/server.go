package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"infernet.tech/infernet/exec/engine/openai"
)

const (
	maxBody = 4 << 20 // bytes of a request

	// bodyTime is how long a body may take to come, writeTime how long one
	// event may take to be read.
	bodyTime  = 30 * time.Second
	writeTime = 60 * time.Second
)

// server answers for one loaded model.
type server struct {
	*served
	sched   *scheduler
	name    string
	aliases []string
	started int64
	now     func() int64 // Unix seconds
	room    chan struct{}
}

// front answers from the first moment on, with 503 until the model is loaded.
type front struct {
	ready atomic.Pointer[server]
	log   *slog.Logger
}

// handler routes requests. The paths are OpenAI's, /tokenize and /detokenize
// vLLM's, /infernet/replay and /health the engines' contract.
func (f *front) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		if f.ready.Load() == nil {
			openai.WriteError(w, openai.Unavailable("the model is being loaded"))
			return
		}
		_, _ = io.WriteString(w, "{\"status\":\"ok\"}\n")
	})
	mux.HandleFunc("GET /v1/models", f.get((*server).listModels))
	mux.HandleFunc("GET /v1/models/{id...}", f.get((*server).showModel))
	for path, answer := range map[string]poster{
		"/v1/chat/completions": (*server).chat,
		"/v1/completions":      (*server).completions,
		"/v1/embeddings":       (*server).embeddings,
		"/tokenize":            (*server).countTokens,
		"/detokenize":          (*server).showTokens,
		"/infernet/replay":     (*server).replay,
	} {
		mux.HandleFunc("POST "+path, f.post(answer))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		openai.WriteError(w, &openai.Error{Status: http.StatusNotFound, Type: openai.TypeInvalidRequest,
			Message: fmt.Sprintf("there is no %.10q %.100q here", r.Method, r.URL.Path)})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(&patientWriter{w, http.NewResponseController(w)}, r)
	})
}

type poster func(s *server, w http.ResponseWriter, r *http.Request, body []byte) error

// post reads a body within bounds and reports what goes wrong.
func (f *front) post(answer poster) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := f.ready.Load()
		if s == nil {
			openai.WriteError(w, openai.Unavailable("the model is being loaded"))
			return
		}
		select {
		case s.room <- struct{}{}:
			defer func() { <-s.room }()
		default:
			f.fail(w, r, errQueueFull)
			return
		}
		body, err := readBody(w, r)
		if err == nil {
			err = answer(s, w, r, body)
		}
		if err != nil && r.Context().Err() == nil {
			f.fail(w, r, err)
		}
	}
}

func (f *front) get(answer func(s *server, w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := f.ready.Load()
		if s == nil {
			openai.WriteError(w, openai.Unavailable("the model is being loaded"))
			return
		}
		if err := answer(s, w, r); err != nil {
			f.fail(w, r, err)
		}
	}
}

// fail answers with an error. What is the engine's own fault is logged.
func (f *front) fail(w http.ResponseWriter, r *http.Request, err error) {
	err = asAPI(err)
	if e := openai.AsError(err); e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	} else if e.Status >= http.StatusInternalServerError {
		f.log.Error("request failed", "path", r.URL.Path, "error", err)
	}
	openai.WriteError(w, err)
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, openai.TooLarge(maxBody)
	case err != nil:
		return nil, openai.BadRequest("", "the body did not come in whole")
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, nil
}

// serves refuses models that are not here.
func (s *server) serves(model string) error {
	if model == "" || slices.Contains(s.aliases, model) {
		return nil
	}
	return openai.NotFound(model)
}

func (s *server) describe() openai.Model {
	return openai.Model{ID: s.name, Object: openai.ObjectModel, Created: s.started, OwnedBy: "infernet", MaxModelLen: s.size}
}

func (s *server) listModels(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, openai.ModelList{Object: openai.ObjectList, Data: []openai.Model{s.describe()}})
}

func (s *server) showModel(w http.ResponseWriter, r *http.Request) error {
	if err := s.serves(r.PathValue("id")); err != nil {
		return err
	}
	return reply(w, s.describe())
}

// id is a new identifier of an answer.
func (s *server) id(prefix string) string { return prefix + "-" + rand.Text() }

func (s *server) logprob(ev event) openai.TokenLogprob {
	out := openai.TokenLogprob{Token: s.pieces[ev.token], Logprob: ev.logprob, Bytes: numbers(s.pieces[ev.token]), TopLogprobs: []openai.TopLogprob{}}
	for _, t := range ev.top {
		out.TopLogprobs = append(out.TopLogprobs, openai.TopLogprob{Token: s.pieces[t.Token], Logprob: t.Logprob, Bytes: numbers(s.pieces[t.Token])})
	}
	return out
}

func numbers(piece string) []int {
	out := make([]int, len(piece))
	for i := range len(piece) {
		out[i] = int(piece[i])
	}
	return out
}

// reply answers with JSON.
func reply(w http.ResponseWriter, v any) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	// A reader who left needs no other answer.
	_, _ = w.Write(body.Bytes())
	return nil
}

// broken reports the failure of a stream: by its status when nothing was
// sent, otherwise as its last event.
func broken(out *openai.EventWriter, err error) error {
	if !out.Started() {
		return err
	}
	_ = out.Fail(asAPI(err))
	return nil
}

// patientWriter limits how long one write may take, of every answer.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (p *patientWriter) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(writeTime))
	return p.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (p *patientWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }
