package openai

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
)

// ollamaAPI is the version of Ollama whose shapes these are: clients look at
// it to know what they may ask for.
const ollamaAPI = "0.17.4"

// latest is the tag that Ollama gives to names without one.
const latest = ":latest"

// ollamaPaths are all that Ollama's clients may ask below /api; those without
// a handler are told so.
var ollamaPaths = []string{
	"/api/tags", "/api/version", "/api/ps", "/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/show",
	"/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete", "/api/blobs",
}

// ollamaPath says whether a path is one of Ollama's.
func ollamaPath(path string) bool {
	if path == "/" || strings.HasPrefix(path, "/ollama/") {
		return true
	}
	for _, p := range ollamaPaths {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

func (f *Face) ollamaRoutes(mux *http.ServeMux) {
	mux.Handle("/{$}", methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("Ollama is running"))
	}})
	mux.Handle("/api/version", methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]string{"version": ollamaAPI})
	}})
	mux.Handle("/api/ps", methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{"models": []any{}})
	}})
	mux.Handle("/api/tags", methods{http.MethodGet: f.ollamaTags})
	mux.Handle("/api/show", methods{http.MethodPost: f.ollamaShow})
	mux.Handle("/api/chat", methods{http.MethodPost: ollamaAsk(f, ollamaChat)})
	mux.Handle("/api/generate", methods{http.MethodPost: ollamaAsk(f, ollamaGenerate)})
	mux.Handle("/api/embed", methods{http.MethodPost: f.ollamaEmbed})
	mux.Handle("/api/embeddings", methods{http.MethodPost: f.ollamaEmbeddings})
	for _, p := range []string{"/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete", "/api/blobs/"} {
		mux.HandleFunc(p, func(w http.ResponseWriter, _ *http.Request) {
			failOllama(w, &oai.Error{Status: http.StatusNotImplemented, Message: "models are not managed this way: see infernet help model"})
		})
	}
}

// failOllama answers with err as Ollama does.
func failOllama(w http.ResponseWriter, err error) {
	e := oai.AsError(err)
	header(w)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(ollamaError(e))
}

func ollamaError(e *oai.Error) map[string]string {
	text := e.Message
	if e.Param != "" && e.Code != oai.CodeModelNotFound {
		text = e.Param + ": " + text
	}
	return map[string]string{"error": text}
}

// ollamaDetails is what Ollama tells of a model's file; of models of others
// nothing is known.
type ollamaDetails struct {
	ParentModel       string   `json:"parent_model"`
	Format            string   `json:"format"`
	Family            string   `json:"family"`
	Families          []string `json:"families"`
	ParameterSize     string   `json:"parameter_size"`
	QuantizationLevel string   `json:"quantization_level"`
}

type ollamaModel struct {
	Name       string        `json:"name"`
	Model      string        `json:"model"`
	ModifiedAt time.Time     `json:"modified_at"`
	Size       int64         `json:"size"`
	Digest     string        `json:"digest"`
	Details    ollamaDetails `json:"details"`
}

// tagged is a name as Ollama lists it.
func tagged(name string) string {
	if strings.Contains(name, ":") {
		return name
	}
	return name + latest
}

// untagged is the name that a client of Ollama means.
func untagged(name string) string { return strings.TrimSuffix(name, latest) }

func (f *Face) ollamaTags(w http.ResponseWriter, r *http.Request) {
	all, err := f.models(r.Context())
	if err != nil {
		fail(w, r, err)
		return
	}
	list := []ollamaModel{}
	for _, m := range all {
		name := tagged(id(m))
		list = append(list, ollamaModel{Name: name, Model: name, ModifiedAt: m.Seen.UTC(), Digest: m.CID})
	}
	reply(w, map[string]any{"models": list})
}

func (f *Face) ollamaShow(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Model string `json:"model"`
		Name  string `json:"name"` // what older clients call it
	}
	h, err := f.begin(w)
	if err != nil {
		fail(w, r, err)
		return
	}
	defer h.done()
	if err := f.ollamaBody(w, r, h, &req); err != nil {
		fail(w, r, err)
		return
	}
	if req.Model == "" {
		req.Model = req.Name
	}
	m, err := f.ollamaModel(r, req.Model)
	if err != nil {
		fail(w, r, err)
		return
	}
	info := map[string]any{}
	if m.Context > 0 {
		info["general.context_length"] = m.Context
	}
	reply(w, map[string]any{
		"modelfile": "", "parameters": "", "template": "", "details": ollamaDetails{}, "model_info": info,
		"capabilities": []string{"completion"}, "modified_at": m.Seen.UTC(),
	})
}

func (f *Face) ollamaModel(r *http.Request, name string) (infer.ModelInfo, error) {
	if name == "" {
		return infer.ModelInfo{}, oai.BadRequest("", "model is required")
	}
	if m, err := f.model(r.Context(), name); err == nil {
		return m, nil
	}
	return f.model(r.Context(), untagged(name))
}

// ollamaBody reads a request. Unknown fields are left out, as Ollama does.
func (f *Face) ollamaBody(w http.ResponseWriter, r *http.Request, h *hold, into any) error {
	raw, err := f.body(w, r, h, f.cfg.MaxBody)
	if err != nil {
		return err
	}
	if len(raw) == 0 {
		return oai.BadRequest("", "missing request body")
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return oai.BadRequest("", "the body is not what is expected: %s", short(err.Error()))
	}
	return nil
}

// flexible is a field that clients send as a list or as one text.
type flexible []string

// UnmarshalJSON implements json.Unmarshaler.
func (l *flexible) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*l = flexible{one}
		return nil
	}
	var all []string
	if err := json.Unmarshal(raw, &all); err != nil {
		return fmt.Errorf("neither a text nor a list of texts")
	}
	*l = all
	return nil
}
