package main

import (
	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

// getContent is the get verb of a shelf.
func (a *app) getContent(s shelf, use, example string) *cobra.Command {
	var req api.GetRequest
	var fetch transferFlags
	c := &cobra.Command{
		Use: use, Short: "fetch " + s.one + " and copy it to a path that does not exist yet",
		Long: `Fetch by CID or name from all who have it at once, check every block against the CID, and
copy it to DEST, which must not exist. Without DEST it stays in the store. What was
interrupted goes on where it was, also after a crash: no block is fetched twice. Who sends
a wrong block is asked for nothing more.

With --car DEST becomes a CAR file (version 1), which IPFS imports; - writes it to the
standard output.`,
		Example: example,
		Args:    args(1, 2, "what to get and perhaps a DEST"),
		RunE: func(cmd *cobra.Command, given []string) error {
			req.From, req.Max, req.MaxPrice = fetch.from, fetch.most, fetch.price(cmd)
			if err := fetch.check(); err != nil {
				return err
			}
			return a.copyOut(cmd, s, req, given)
		},
	}
	fetch.register(c, "")
	c.Flags().BoolVar(&req.CAR, "car", false, "write a CAR file to DEST, or to the standard output for -")
	c.Flags().BoolVar(&req.Private, "private", false, "do not share it with others afterwards")
	return c
}

// exportContent is the export verb of a shelf: get without other nodes.
func (a *app) exportContent(s shelf, example string) *cobra.Command {
	req := api.GetRequest{Local: true}
	c := &cobra.Command{
		Use: "export " + s.refs() + " DEST", Short: "copy " + s.one + " of this node's store to a path that does not exist yet",
		Long: `Copy what is in this node's store to DEST, a file or a folder, which must not exist. No other
node is asked, and nothing is ever overwritten. With --link the file system is asked for a
link or a shared copy of the same bytes, which takes no room: such a file must not be
written to.`,
		Example: example,
		Args:    args(2, 2, "what to export and a DEST"),
		RunE:    func(cmd *cobra.Command, given []string) error { return a.copyOut(cmd, s, req, given) },
	}
	c.Flags().BoolVar(&req.CAR, "car", false, "write a CAR file to DEST, or to the standard output for -")
	c.Flags().BoolVar(&req.Link, "link", false, "link instead of a copy where the file system can")
	return c
}

// copyOut gets content and writes it where the arguments say.
func (a *app) copyOut(cmd *cobra.Command, s shelf, req api.GetRequest, given []string) (err error) {
	if req.Ref, err = reference(given[0]); err != nil {
		return err
	}
	dest := ""
	if len(given) == 2 {
		dest = given[1]
	}
	stdout := dest == "-"
	if err := a.checkCopy(req, dest); err != nil {
		return err
	}
	// Looked at here first, so that nothing is fetched, and paid for, in vain.
	if !stdout {
		if req.Dest, err = a.destination(dest); err != nil {
			return err
		}
	}
	c, err := a.client(cmd.Context())
	if err != nil {
		return err
	}
	x, err := a.fetch(cmd, c, s.kind, req, stdout)
	if err != nil {
		return interrupted(cmd, err)
	}
	if stdout {
		return interrupted(cmd, c.WriteCAR(cmd.Context(), x.CID, a.out))
	}
	return a.emit(x, func() {
		if s.kind == api.Images && dest == "" { // no path of its own: as add tells it
			a.printf("%s  %s  %s", namesText(x), digestText(x.Digest), x.CID)
			return
		}
		a.printf("%s  %s  %s", x.CID, bytesText(x.Size), pathText(x.Path))
	})
}

// checkCopy refuses flags that contradict each other or the destination.
func (a *app) checkCopy(req api.GetRequest, dest string) error {
	switch {
	case req.CAR && req.Link:
		return usagef("--car and --link do not go together: a CAR is written anew")
	case req.CAR && dest == "":
		return failf(exitUsage, "add a path that does not exist yet, or - for the standard output", "--car needs a DEST")
	case dest == "-" && !req.CAR:
		return failf(exitUsage, "choose a path, or write a CAR with --car -", "only CAR files are written to the standard output")
	case dest == "-" && a.json:
		return failf(exitUsage, "write the CAR to a file, or leave --json out", "the standard output cannot hold the CAR and a document")
	case dest == "-" && terminal(a.out):
		return failf(exitUsage, "send it to a program or a file: … --car - | ipfs dag import", "a CAR is not for a terminal")
	}
	return nil
}

// fetch is the part of get that shows how far it is. For the standard output
// the content is only made sure to be here.
func (a *app) fetch(cmd *cobra.Command, c *api.Client, kind api.ContentKind, req api.GetRequest, stdout bool) (api.Content, error) {
	if stdout {
		req.CAR = false
	}
	t := a.newTransfer()
	defer t.close()
	req.Progress = t.show
	return c.Get(cmd.Context(), kind, req)
}
