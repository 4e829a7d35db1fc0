package gguf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Describe reads what a model file or folder says of itself, whichever format
// it is of. Errors: those of Detect and of the formats.
func Describe(path string, lim Limits) (Header, error) {
	format, err := Detect(path)
	if err != nil {
		return Header{}, err
	}
	switch format {
	case GGUF:
		return ReadFile(path, lim)
	case Safetensors:
		return safetensorsFile(path, lim)
	case Folder:
	}
	return readFolder(path, lim.filled())
}

func safetensorsFile(path string, lim Limits) (Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return Header{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Header{}, err
	}
	return ReadSafetensors(f, info.Size(), lim)
}

// listFolder returns the weights of a model folder, or the one GGUF file in it.
func listFolder(dir string, lim Limits) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > lim.Files {
		return nil, fmt.Errorf("%w: more than %d files in the folder", ErrLimit, lim.Files)
	}
	var weights, ggufs []string
	config := false
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !e.Type().IsRegular() {
			continue
		}
		format, err := Detect(path)
		switch {
		case errors.Is(err, ErrPickle):
			return nil, fmt.Errorf("%.64q: %w", e.Name(), err)
		case err != nil && !errors.Is(err, ErrFormat):
			return nil, err
		case format == GGUF:
			ggufs = append(ggufs, path)
		case format == Safetensors && strings.HasSuffix(e.Name(), ".safetensors"):
			weights = append(weights, path)
		}
		config = config || e.Name() == "config.json"
	}
	if len(ggufs) == 1 && len(weights) == 0 {
		return ggufs, nil
	}
	if !config || len(weights) == 0 {
		return nil, fmt.Errorf("%w: a folder needs config.json and *.safetensors, or one GGUF file", ErrFormat)
	}
	return weights, nil
}

// folderConfig is what is read of config.json; Hugging Face's names.
type folderConfig struct {
	ModelType     string   `json:"model_type"`
	Architectures []string `json:"architectures"`
	Name          string   `json:"_name_or_path"`
	Context       uint64   `json:"max_position_embeddings"`
	Hidden        uint64   `json:"hidden_size"`
	Layers        uint64   `json:"num_hidden_layers"`
	Vocab         uint64   `json:"vocab_size"`
	Quantisation  struct {
		Method string `json:"quant_method"`
		Bits   uint64 `json:"bits"`
	} `json:"quantization_config"`
	Text *folderConfig `json:"text_config"` // of models that also see
}

func readFolder(dir string, lim Limits) (Header, error) {
	files, err := listFolder(dir, lim)
	if err != nil {
		return Header{}, err
	}
	if format, err := Detect(files[0]); err == nil && format == GGUF {
		return ReadFile(files[0], lim)
	}
	h := Header{Format: Folder}
	types := share{}
	for _, path := range files {
		part, err := safetensorsFile(path, lim)
		if err != nil {
			return h, fmt.Errorf("%.64q: %w", filepath.Base(path), err)
		}
		if h.Parameters, err = sum(h.Parameters, part.Parameters); err != nil {
			return h, err
		}
		h.TensorCount += part.TensorCount
		h.HeaderSize += part.HeaderSize
		h.Size += part.Size
		types[part.Quantisation] += part.Parameters
	}
	h.Quantisation = types.most()
	var c folderConfig
	if err := readJSON(filepath.Join(dir, "config.json"), &c); err != nil {
		return h, err
	}
	h.configured(c)
	h.ChatTemplate, err = folderTemplate(dir, lim)
	return h, err
}

func (h *Header) configured(c folderConfig) {
	text := c
	if c.Text != nil {
		text = *c.Text
	}
	h.Architecture, h.Name = c.ModelType, c.Name
	if h.Architecture == "" && len(c.Architectures) > 0 {
		h.Architecture = c.Architectures[0]
	}
	h.ContextLength, h.EmbeddingLength, h.Layers, h.VocabSize = text.Context, text.Hidden, text.Layers, text.Vocab
	if q := c.Quantisation; q.Method != "" {
		h.Quantisation = fmt.Sprintf("%.32s", q.Method)
		if q.Bits > 0 {
			h.Quantisation += fmt.Sprintf("-%dbit", q.Bits)
		}
	}
}

// maxConfig bounds one JSON file of a folder; tokenizer_config.json of large
// vocabularies reaches some hundred KiB.
const maxConfig = 8 << 20

func readSmall(path string, max int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(raw)) > max {
		err = fmt.Errorf("%w: %.64q is larger than %d bytes", ErrLimit, filepath.Base(path), max)
	}
	return raw, err
}

func readJSON(path string, into any) error {
	raw, err := readSmall(path, maxConfig)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%w: %.64q: %w", ErrMalformed, filepath.Base(path), err)
	}
	return nil
}

// folderTemplate is the chat template: a file of its own, or a field of
// tokenizer_config.json, where it may be a list of named ones.
func folderTemplate(dir string, lim Limits) (string, error) {
	raw, err := readSmall(filepath.Join(dir, "chat_template.jinja"), int64(lim.String))
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return string(raw), err
	}
	var c struct {
		Template json.RawMessage `json:"chat_template"`
	}
	err = readJSON(filepath.Join(dir, "tokenizer_config.json"), &c)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(c.Template) == 0 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var one string
	if json.Unmarshal(c.Template, &one) == nil {
		return one, nil
	}
	var list []struct{ Name, Template string }
	if err := json.Unmarshal(c.Template, &list); err != nil {
		return "", fmt.Errorf("%w: chat_template: %w", ErrMalformed, err)
	}
	for _, t := range list {
		if t.Name == "default" {
			return t.Template, nil
		}
	}
	return "", nil
}
