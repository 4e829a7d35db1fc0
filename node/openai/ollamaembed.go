package openai

import (
	"encoding/json"
	"math"
	"net/http"
	"time"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
)

// ollamaEmbed serves /api/embed, whose vectors have the length 1.
func (f *Face) ollamaEmbed(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	var in struct {
		Model      string   `json:"model"`
		Input      flexible `json:"input"`
		Dimensions int      `json:"dimensions"`
	}
	h, err := f.begin(w)
	if err != nil {
		fail(w, r, err)
		return
	}
	defer h.done()
	if err := f.ollamaBody(w, r, h, &in); err != nil {
		fail(w, r, err)
		return
	}
	if len(in.Input) == 0 {
		reply(w, map[string]any{"model": in.Model, "embeddings": [][]float32{}})
		return
	}
	got, err := f.embed(w, r, h, in.Model, in.Input, in.Dimensions)
	if err != nil {
		fail(w, r, err)
		return
	}
	list := make([][]float32, len(got.Data))
	for i, e := range got.Data {
		list[i] = unit(e.Embedding.Values)
	}
	reply(w, map[string]any{
		"model": in.Model, "embeddings": list, "total_duration": time.Since(began), "load_duration": 0,
		"prompt_eval_count": got.Usage.PromptTokens,
	})
}

// ollamaEmbeddings serves /api/embeddings, the older one.
func (f *Face) ollamaEmbeddings(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Model  string `json:"model"`
		Prompt string `json:"prompt"`
	}
	h, err := f.begin(w)
	if err != nil {
		fail(w, r, err)
		return
	}
	defer h.done()
	if err := f.ollamaBody(w, r, h, &in); err != nil {
		fail(w, r, err)
		return
	}
	got, err := f.embed(w, r, h, in.Model, []string{in.Prompt}, 0)
	if err != nil {
		fail(w, r, err)
		return
	}
	reply(w, map[string]any{"embedding": got.Data[0].Embedding.Values})
}

// embed asks for the vectors of texts, one for each, in their order.
func (f *Face) embed(w http.ResponseWriter, r *http.Request, h *hold, model string, texts []string, dimensions int) (oai.EmbeddingResponse, error) {
	var out oai.EmbeddingResponse
	doc := map[string]any{"model": untagged(model), "input": texts, "encoding_format": "float"}
	if dimensions > 0 {
		doc["dimensions"] = dimensions
	}
	body, err := json.Marshal(doc)
	if err != nil {
		return out, err
	}
	q, err := readEmbedding(body)
	if err != nil {
		return out, err
	}
	req := infer.Request{Model: q.model, Path: embeddingKind.path, Body: body, Deterministic: true}
	if err := prefer(&req, r.Header); err != nil {
		return out, err
	}
	resp, err := f.do(r, req)
	if err != nil {
		return out, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := read(resp, h, f.cfg.MaxAnswer)
	if err != nil {
		return out, err
	}
	if json.Unmarshal(raw, &out) != nil || len(out.Data) != len(texts) {
		return out, oai.Upstream("the provider's answer has another shape")
	}
	label(w, resp)
	return out, nil
}

// unit scales a vector to the length 1.
func unit(v []float32) []float32 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return v
	}
	scale := 1 / math.Sqrt(sum)
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(float64(x) * scale)
	}
	return out
}
