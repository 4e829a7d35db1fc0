package openai

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/store"
)

// Config bounds what clients may ask of the face.
type Config struct {
	Dir        string        // folder for uploaded files and results; made when needed
	MaxBody    int64         // bytes of a request
	MaxFile    int64         // bytes of an uploaded file
	MaxStored  int64         // bytes of all files together
	MaxAnswer  int64         // bytes of an answer that is not streamed
	MaxMemory  int64         // bytes of all requests and such answers that are held at once; those of batches apart
	MaxEvent   int           // bytes of one event of a stream
	MaxLines   int           // requests of a batch
	Requests   int           // answered at once; more get a 429
	Parallel   int           // requests of batches running at once
	Tries      int           // of a batch's request, when providers fail
	Retry      time.Duration // before the second try; doubled for each further one
	BodyTime   time.Duration // a request's body must be there after this
	StallTime  time.Duration // a client that reads nothing for so long is given up
	Window     time.Duration // a batch has this long
	Poll       time.Duration // how often a job is looked at
	Patience   time.Duration // a job that nobody has taken after this runs as requests
	BatchPrice uint64        // most credits for a batch that runs as a job
	BatchImage string        // engine image of such jobs
}

// Default is the configuration of a node; the folder is still to be set.
func Default() Config {
	return Config{
		MaxBody: 4 << 20, MaxFile: 100 << 20, MaxStored: 4 << 30, MaxAnswer: 32 << 20, MaxMemory: 256 << 20, MaxEvent: 1 << 20,
		MaxLines: 50_000, Requests: 256, Parallel: 8, Tries: 4, Retry: time.Second,
		BodyTime: time.Minute, StallTime: 2 * time.Minute, Window: 24 * time.Hour, Poll: time.Second, Patience: 2 * time.Minute,
		BatchPrice: 100_000, BatchImage: "infernet/llm",
	}
}

// Validate refuses limits that would refuse everything.
func (c Config) Validate() error {
	if c.Dir == "" {
		return errors.New("openai: no folder")
	}
	if c.MaxBody < 1 || c.MaxFile < 1 || c.MaxStored < 1 || c.MaxAnswer < 1 || c.MaxEvent < 1 || c.MaxLines < 1 {
		return errors.New("openai: a size limit is below 1")
	}
	if c.MaxMemory < c.MaxBody+c.MaxAnswer+2 {
		return errors.New("openai: the memory does not hold the largest request with the largest answer")
	}
	if c.Requests < 1 || c.Parallel < 1 || c.Tries < 1 {
		return errors.New("openai: a count is below 1")
	}
	if c.BodyTime <= 0 || c.StallTime <= 0 || c.Window <= 0 || c.Retry <= 0 || c.Poll <= 0 || c.Patience <= 0 {
		return errors.New("openai: a time is not positive")
	}
	return nil
}

// Deps are what the face stands on.
type Deps struct {
	Infer   Inferer
	Jobs    api.Jobs    // nil: batches never run as jobs
	Content api.Library // takes the input of such jobs; nil as Jobs
	Store   store.Store // a view of its own
	Now     func() time.Time
	Log     *slog.Logger
}

// Face answers the clients of OpenAI and Ollama. It is an api.Face.
type Face struct {
	cfg   Config
	infer Inferer
	now   func() time.Time
	log   *slog.Logger
	slots chan struct{} // one for each request that is answered
	files *shelf
	batch *batches

	memory memory
}

var _ api.Face = (*Face)(nil)

// New checks the configuration. It starts nothing.
func New(cfg Config, d Deps) (*Face, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if d.Infer == nil || d.Store == nil || d.Log == nil {
		return nil, errors.New("openai: a dependency is missing")
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	f := &Face{cfg: cfg, infer: d.Infer, now: d.Now, log: d.Log, slots: make(chan struct{}, cfg.Requests)}
	f.memory.left.Store(cfg.MaxMemory)
	f.files = &shelf{dir: cfg.Dir, store: d.Store, now: d.Now, max: cfg.MaxFile, total: cfg.MaxStored, born: time.Now()}
	f.batch = newBatches(cfg, d, f.files)
	return f, nil
}

// Run goes on with the batches that were open when the node was stopped, and
// runs new ones until ctx ends. Everything else is served without it.
func (f *Face) Run(ctx context.Context) error {
	if err := f.files.open(); err != nil {
		return fmt.Errorf("openai: %w", err)
	}
	return f.batch.run(ctx)
}

// Live implements api.Face: batches that have not ended.
func (f *Face) Live() int { return f.batch.live() }

// Routes implements api.Face. Each path is taken with all its methods, so that
// a wrong one is told in the shape that the client reads.
func (f *Face) Routes(mux *http.ServeMux) {
	mux.Handle("/v1/chat/completions", methods{http.MethodPost: f.ask(chatKind)})
	mux.Handle("/v1/completions", methods{http.MethodPost: f.ask(completionKind)})
	mux.Handle("/v1/embeddings", methods{http.MethodPost: f.ask(embeddingKind)})
	mux.Handle("/v1/models", methods{http.MethodGet: f.listModels})
	mux.Handle("/v1/models/{id...}", methods{http.MethodGet: f.getModel})
	mux.Handle("/v1/files", methods{http.MethodGet: f.listFiles, http.MethodPost: f.upload})
	mux.Handle("/v1/files/{id}", methods{http.MethodGet: f.getFile, http.MethodDelete: f.deleteFile})
	mux.Handle("/v1/files/{id}/content", methods{http.MethodGet: f.fileContent})
	mux.Handle("/v1/batches", methods{http.MethodGet: f.listBatches, http.MethodPost: f.createBatch})
	mux.Handle("/v1/batches/{id}", methods{http.MethodGet: f.getBatch})
	mux.Handle("/v1/batches/{id}/cancel", methods{http.MethodPost: f.cancelBatch})
	mux.HandleFunc("/v1/", notFound)
	f.ollamaRoutes(mux)
}

// methods serves one path.
type methods map[string]http.HandlerFunc

// ServeHTTP calls the handler of the method; a GET handler answers HEAD too.
func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if h, ok := m[method]; ok {
		h(w, r)
		return
	}
	for name := range m {
		w.Header().Add("Allow", name)
	}
	fail(w, r, wrongMethod(r))
}
