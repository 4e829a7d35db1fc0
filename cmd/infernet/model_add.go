package main

import (
	"errors"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/node/api"
)

// addModel is the add verb of models.
func (a *app) addModel() *cobra.Command {
	var req api.AddRequest
	c := &cobra.Command{
		Use: "add FILE|hf:OWNER/REPO/FILE|CID", Short: "take a model into this node's store and print its CID",
		Long: "Take a model into this node's store: a GGUF or safetensors file, a folder of config.json and\n" +
			"safetensors, a file of Hugging Face (hf:OWNER/REPO/FILE, with @REVISION if not main), or a model\n" +
			"of another node by its CID. Pickles (PyTorch .bin, .pt, .pth) are refused: loading one runs code.\n\n" +
			"The node downloads; it reads HF_ENDPOINT and HF_TOKEN from its own environment. A download that\n" +
			"was interrupted goes on where it ended.",
		Example: "  infernet model add llama.gguf --name llama --reference\n" +
			"  infernet model add hf:bartowski/Llama-3.2-1B-Instruct-GGUF/Llama-3.2-1B-Instruct-Q4_K_M.gguf --name llama",
		Args: args(1, 1, "one FILE, hf: reference or CID"),
		RunE: func(cmd *cobra.Command, given []string) error {
			x, err := a.takeModel(cmd, given[0], req)
			if err != nil {
				return err
			}
			return a.emit(x, func() { a.printf("%s  %s  %s  %s", x.CID, bytesText(x.Size), foreign(x.Name), x.Path) })
		},
	}
	c.Flags().StringVar(&req.Name, "name", "", "what jobs call it (default: the file's name)")
	c.Flags().BoolVar(&req.Reference, "reference", false, "do not copy: the file must stay where and as it is")
	c.Flags().StringArrayVar(&req.From, "from", nil, "with a CID: npub of a node to ask (repeatable)")
	c.Flags().Uint64Var(&req.Max, "max-bytes", 0, "with a CID: refuse more than this (0: the node's limit)")
	return c
}

func (a *app) takeModel(cmd *cobra.Command, what string, req api.AddRequest) (api.Content, error) {
	if strings.HasPrefix(what, "hf:") || isCID(what) && !isFile(what) {
		req.Source = what
		c, err := a.client(cmd.Context())
		if err != nil {
			return api.Content{}, err
		}
		p := &transfer{a: a}
		defer p.close()
		req.Progress = p.show
		return c.Add(cmd.Context(), api.Models, req)
	}
	// Looked at here first, so that no node is started for what it refuses.
	abs, err := present(what)
	if err != nil {
		return api.Content{}, err
	}
	if _, err := gguf.Detect(abs); err != nil {
		return api.Content{}, refusal(what, err)
	}
	return a.add(cmd, api.Models, what, req)
}

// refusal explains why a file is no model.
func refusal(path string, err error) error {
	switch {
	case errors.Is(err, gguf.ErrPickle):
		return failf(exitRefused, "most models are published as safetensors or GGUF too", "%s: %w", foreign(path), err)
	case errors.Is(err, gguf.ErrFormat):
		return failf(exitUsage, "infernet data add takes files of any kind", "%s: %w", foreign(path), err)
	}
	return err
}

// isCID tells content identifiers by their form alone: version 1 in base32.
func isCID(s string) bool {
	return len(s) >= 59 && strings.HasPrefix(s, "baf") && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// transfer shows how a download goes: a bar on a terminal, else a line for
// every tenth.
type transfer struct {
	a     *app
	bar   *progressbar.ProgressBar
	tenth uint64
}

func (t *transfer) show(p api.AddProgress) {
	if p.Total == 0 {
		return
	}
	if terminal(t.a.err) {
		if t.bar == nil {
			t.bar = progressbar.NewOptions64(int64(min(p.Total, 1<<62)),
				progressbar.OptionSetWriter(t.a.err),
				progressbar.OptionSetWidth(30),
				progressbar.OptionShowBytes(true),
				progressbar.OptionClearOnFinish(),
			)
		}
		_ = t.bar.Set64(int64(min(p.Bytes, p.Total)))
		return
	}
	if tenth := p.Bytes / max(1, p.Total/10); tenth > t.tenth {
		t.tenth = tenth
		t.a.sayf("  %s of %s", bytesText(p.Bytes), bytesText(p.Total))
	}
}

func (t *transfer) close() {
	if t.bar != nil {
		_ = t.bar.Clear()
	}
}
