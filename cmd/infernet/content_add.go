package main

import (
	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

// addData is the add verb of data.
func (a *app) addData() *cobra.Command {
	var req api.AddRequest
	c := &cobra.Command{
		Use: "add PATH", Short: "take a file or a folder into this node's store and print its CID",
		Long: `Take a file or a folder into this node's store and print its CID: the one that IPFS prints
for the same bytes (ipfs add --cid-version 1 --raw-leaves --chunker size-1048576
--max-file-links 1024). Only the partners of a job that needs it may fetch it, unless it is
shared: then anyone may who knows the CID, while this node runs. It is pinned: it stays
until infernet data unpin lets it go.

With --reference the file stays the only copy: it is read where it lies and must stay as it
is. A file that was changed is noticed, and never given out under the old CID.

With --car PATH is a CAR file of the IPFS world, version 1 or 2, or - for one on the standard
input: what its roots stand for is checked block by block and taken in.`,
		Example: "  infernet data add prompts.jsonl --json\n" +
			"  infernet data add ./photos --name photos --share\n" +
			"  infernet data add big.bin --reference\n" +
			"  ipfs dag export bafy… | infernet data add --car -",
		Args: args(1, 1, "one PATH"),
		RunE: func(cmd *cobra.Command, given []string) error {
			x, err := a.takeData(cmd, given[0], req)
			if err != nil {
				return err
			}
			return a.emit(x, func() {
				for _, x := range withOthers(x) {
					a.printf("%s  %s  %s", x.CID, bytesText(x.Size), pathText(x.Path))
				}
			})
		},
	}
	f := c.Flags()
	f.StringVar(&req.Name, "name", "", "what it is called here")
	f.BoolVar(&req.Reference, "reference", false, "do not copy: the file must stay where and as it is; a change of it is noticed")
	f.BoolVar(&req.CAR, "car", false, "PATH is a CAR file, or - for one on the standard input")
	f.BoolVar(&req.Share, "share", false, "let anyone fetch it from this node")
	f.Var((*sizeFlag)(&req.Max), "max-bytes", "with --car: refuse more than this, e.g. 20GiB (default: the node's limit)")
	return c
}

func (a *app) takeData(cmd *cobra.Command, path string, req api.AddRequest) (api.Content, error) {
	switch {
	case req.CAR && req.Reference:
		return api.Content{}, failf(exitUsage, "what is in a CAR is copied out of it", "--car and --reference do not go together")
	case req.Max > 0 && !req.CAR:
		return api.Content{}, usagef("--max-bytes is for CAR files, with --car")
	case path == "-" && !req.CAR:
		return api.Content{}, failf(exitUsage, "write it to a file and add that; --car - takes a CAR", "only CAR files are read from the standard input")
	case path != "-":
		return a.add(cmd, api.Data, path, req)
	case terminal(a.in):
		return api.Content{}, failf(exitUsage, "ipfs dag export CID | infernet data add --car -", "no CAR comes from a terminal")
	}
	c, err := a.client(cmd.Context())
	if err != nil {
		return api.Content{}, err
	}
	x, err := c.AddCAR(cmd.Context(), a.in, req)
	return x, interrupted(cmd, err)
}

// shareFlags say who may fetch a model or an image.
func shareFlags(c *cobra.Command, req *api.AddRequest) {
	c.Flags().BoolVar(&req.Private, "private", false, "only the partners of a job that needs it may fetch it from this node")
	c.Flags().BoolVar(&req.Share, "share", false, "anyone may, also when the node is started with --private")
}

// add makes the path absolute, looks that it is there, and asks the node.
func (a *app) add(cmd *cobra.Command, kind api.ContentKind, path string, req api.AddRequest) (api.Content, error) {
	abs, err := present(path)
	if err != nil {
		return api.Content{}, err
	}
	req.Path = abs
	return a.take(cmd, kind, req)
}

// take asks the node to add something and shows how far it is.
func (a *app) take(cmd *cobra.Command, kind api.ContentKind, req api.AddRequest) (api.Content, error) {
	if req.Share && req.Private {
		return api.Content{}, usagef("--share and --private do not go together")
	}
	c, err := a.client(cmd.Context())
	if err != nil {
		return api.Content{}, err
	}
	t := a.newTransfer()
	defer t.close()
	req.Progress = t.show
	x, err := c.Add(cmd.Context(), kind, req)
	return x, interrupted(cmd, err)
}

// withOthers is a thing and those that came with it.
func withOthers(x api.Content) []api.Content { return append([]api.Content{x}, x.Others...) }
