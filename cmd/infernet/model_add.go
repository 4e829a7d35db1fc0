package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/node/api"
)

// addModel is the add verb of models.
func (a *app) addModel() *cobra.Command {
	var req api.AddRequest
	var fetch transferFlags
	c := &cobra.Command{
		Use: "add FILE|hf:OWNER/REPO/FILE|CID", Short: "take a model into this node's store and print its CID",
		Long: "Take a model into this node's store: a GGUF or safetensors file, a folder of config.json and\n" +
			"safetensors, a file of Hugging Face (hf:OWNER/REPO/FILE, with @REVISION if not main), or a model\n" +
			"of other nodes by its CID. Pickles (PyTorch .bin, .pt, .pth) are refused: loading one runs code.\n\n" +
			"The CID is the one that ipfs add --cid-version 1 --raw-leaves --chunker size-1048576\n" +
			"--max-file-links 1024 prints. Whoever is told it may fetch the model while this node runs, unless\n" +
			"it is --private.\n\n" +
			"The node downloads; it reads HF_ENDPOINT and HF_TOKEN from its own environment. A download that\n" +
			"was interrupted goes on where it ended.",
		Example: "  infernet model add llama.gguf --name llama --reference\n" +
			"  infernet model add bafy… --name llama --max-price 0\n" +
			"  infernet model add hf:bartowski/Llama-3.2-1B-Instruct-GGUF/Llama-3.2-1B-Instruct-Q4_K_M.gguf --name llama",
		Args: args(1, 1, "one FILE, hf: reference or CID"),
		RunE: func(cmd *cobra.Command, given []string) error {
			req.From, req.Max, req.MaxPrice = fetch.from, fetch.most, fetch.price(cmd)
			if err := fetch.check(); err != nil {
				return err
			}
			x, err := a.takeModel(cmd, given[0], req, fetch.given(cmd))
			if err != nil {
				return err
			}
			return a.emit(x, func() { a.printf("%s  %s  %s  %s", x.CID, bytesText(x.Size), foreign(x.Name), pathText(x.Path)) })
		},
	}
	c.Flags().StringVar(&req.Name, "name", "", "what jobs call it (default: the file's name)")
	c.Flags().BoolVar(&req.Reference, "reference", false, "do not copy: the file must stay where and as it is; a change of it is noticed")
	shareFlags(c, &req)
	fetch.register(c, "with a CID: ")
	return c
}

// takeModel adds a model from where what says; flag is one that only goes with
// a CID, or "".
func (a *app) takeModel(cmd *cobra.Command, what string, req api.AddRequest, flag string) (api.Content, error) {
	ref := what
	if !isFile(what) && !strings.HasPrefix(what, "hf:") {
		var err error
		if ref, err = reference(what); err != nil {
			return api.Content{}, err
		}
	}
	fromCID := isCID(ref) && !isFile(what)
	if flag != "" && !fromCID {
		return api.Content{}, usagef("%s is for models fetched from other nodes by their CID", flag)
	}
	if strings.HasPrefix(what, "hf:") || fromCID {
		if req.Reference {
			return api.Content{}, usagef("--reference is for files of this machine")
		}
		req.Source = ref
		return a.take(cmd, api.Models, req)
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
