package main

import (
	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func imageCmd(a *app) *cobra.Command {
	var req api.AddRequest
	add := &cobra.Command{
		Use: "add PATH", Short: "take a container image into this node's store",
		Long:    "Take a container image into this node's store: an OCI layout folder, or a tar made by\ndocker save. No registry is asked.",
		Example: "  docker save me/classify -o classify.tar\n  infernet image add classify.tar --name classify --json",
		Args:    args(1, 1, "one PATH"),
		RunE: func(cmd *cobra.Command, given []string) error {
			x, err := a.add(cmd, api.Images, given[0], req)
			if err != nil {
				return err
			}
			return a.emit(x, func() { a.printf("%s  %s  %s", foreign(x.Name), x.Digest, x.CID) })
		},
	}
	add.Flags().StringVar(&req.Name, "name", "", "what jobs call it (default: as in the image)")
	verbs := append([]*cobra.Command{
		add,
		a.listContent(api.Images, "  infernet image list"),
		imageTestCmd(a),
	}, a.keepVerbs(api.Images, "image")...)
	return group("image", "container images by name and digest, and whether one is an engine", verbs...)
}
