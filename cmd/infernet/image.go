package main

import (
	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func imageCmd(a *app) *cobra.Command {
	s := shelf{kind: api.Images, noun: "image", one: "an image"}
	verbs := append([]*cobra.Command{
		a.addImage(),
		a.getContent(s, "get NAME|DIGEST|CID [DEST]", "  infernet image get npub1…/classify:1.2\n  infernet image get sha256:… ./layout"),
		a.exportContent(s, "  infernet image export classify:1.2 ./layout"),
		a.listImages(),
		a.mirrorImages(),
		imageTestCmd(a),
	}, a.keepVerbs(s)...)
	return group("image", "container images by name and digest, and whether one is an engine", verbs...)
}

// addImage is the add verb of images.
func (a *app) addImage() *cobra.Command {
	var req api.AddRequest
	c := &cobra.Command{
		Use: "add PATH", Short: "take a container image into this node's store",
		Long: `Take a container image into this node's store, and print its name, digest and CID: a tar
made by docker save or nerdctl save, or an OCI layout as a folder or tar, of one platform
or several, its layers plain, gzip or zstd. No registry is asked. Other nodes fetch it by
its name (NPUB/NAME:TAG, NPUB being this node's) or by its digest while this node runs;
so do their containerd and Docker: infernet image mirror.`,
		Example: "  docker save me/classify -o classify.tar\n  infernet image add classify.tar --name classify:1.2 --json",
		Args:    args(1, 1, "one PATH"),
		RunE: func(cmd *cobra.Command, given []string) error {
			x, err := a.add(cmd, api.Images, given[0], req)
			if err != nil {
				return err
			}
			return a.emit(x, func() {
				for _, x := range withOthers(x) {
					a.printf("%s  %s  %s", namesText(x), digestText(x.Digest), x.CID)
				}
			})
		},
	}
	c.Flags().StringVar(&req.Name, "name", "", "what it is called, as NAME or NAME:TAG (default: as in the image)")
	shareFlags(c, &req)
	return c
}

func (a *app) listImages() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the images in this node's store",
		Example: "  infernet image list",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			all, err := c.List(cmd.Context(), api.Images)
			if err != nil {
				return err
			}
			return a.emit(all, func() {
				rows := make([][]string, 0, len(all))
				for _, x := range all {
					rows = append(rows, []string{namesText(x), digestText(x.Digest), bytesText(x.Size), yesNo(x.Pinned), yesNo(x.Shared), x.CID})
				}
				a.table("NAME DIGEST SIZE PINNED SHARED CID", rows)
			})
		},
	}
}
