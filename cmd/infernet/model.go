package main

import (
	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func modelCmd(a *app) *cobra.Command {
	verbs := append([]*cobra.Command{
		a.addContent(api.Models, "  infernet model add llama.gguf --name llama --reference"),
		a.listContent(api.Models, "  infernet model list"),
		a.getContent(api.Models, "  infernet model get demo"),
	}, a.keepVerbs(api.Models, "model")...)
	return group("model", "models by name and CID", verbs...)
}
