package main

import (
	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

// collect is the gc verb of a shelf.
func (a *app) collect(s shelf) *cobra.Command {
	var req api.GCRequest
	c := &cobra.Command{
		Use: "gc", Short: "make room: remove what is not pinned, has no name and is in no use",
		Long: `Remove from the store what is not pinned, has no name and no job or engine needs. With
--keep only as much goes, unused longest first, that so many bytes are left. A node with
a quota (infernet node --quota) does so by itself when it needs the room.`,
		Example: "  infernet " + s.noun + " gc --dry-run\n  infernet " + s.noun + " gc --keep 50GiB",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			r, err := c.GC(cmd.Context(), s.kind, req)
			if err != nil {
				return err
			}
			return a.emit(r, func() { a.showGC(r) })
		},
	}
	c.Flags().BoolVar(&req.DryRun, "dry-run", false, "only tell what would go")
	c.Flags().Var((*sizeFlag)(&req.Keep), "keep", "remove only what is beyond so many bytes, e.g. 50GiB")
	return c
}

func (a *app) showGC(r api.GCReport) {
	for _, x := range r.Removed {
		if x.Inside {
			continue // goes with its folder
		}
		a.printf("%s  %s  %s", x.CID, bytesText(x.Size), namesText(x))
	}
	verb := "freed"
	if r.DryRun {
		verb = "would free"
	}
	a.printf("%s %s; %s kept", verb, bytesText(r.Freed), countOf(r.Kept, "thing"))
}

// verifyContent is the verify verb of a shelf.
func (a *app) verifyContent(s shelf) *cobra.Command {
	c := &cobra.Command{
		Use: "verify [" + s.refs() + "]", Short: "read everything again and compare it with its CID",
		Long: `Read one thing, or everything, from the disk again and compare every block with its CID.
Files referenced in place are read too. Each that is not what it was is printed with the
reason: corrupt (the store's own bytes), changed (your own file) or error (it could not be
read). The exit code is 17 when there is one.`,
		Example: "  infernet " + s.noun + " verify\n  infernet " + s.noun + " verify " + exampleRef(s) + " --json",
		Args:    args(0, 1, "no arguments or one "+s.refs()),
		RunE: func(cmd *cobra.Command, given []string) (err error) {
			var req api.VerifyRequest
			if len(given) == 1 {
				if req.Ref, err = reference(given[0]); err != nil {
					return err
				}
			}
			r, err := a.verify(cmd, s.kind, req)
			if err != nil {
				return err
			}
			if err := a.emit(r, func() { a.showVerified(r) }); err != nil || len(r.Bad) == 0 {
				return err
			}
			return a.tellBad(r)
		},
	}
	return c
}

func (a *app) verify(cmd *cobra.Command, kind api.ContentKind, req api.VerifyRequest) (api.VerifyReport, error) {
	c, err := a.client(cmd.Context())
	if err != nil {
		return api.VerifyReport{}, err
	}
	t := a.newTransfer()
	defer t.close()
	req.Progress = t.show
	return c.Verify(cmd.Context(), kind, req)
}

func (a *app) showVerified(r api.VerifyReport) {
	for _, b := range r.Bad {
		name := namesText(b.Content)
		if b.InPlace {
			name += "  " + pathText(b.Path)
		}
		a.printf("%s  %s  %s: %s", b.CID, name, foreign(b.Reason), words(b.Detail))
	}
	a.printf("%s, %s read; %d bad", countOf(r.Checked, "thing"), bytesText(r.Bytes), len(r.Bad))
}

// tellBad says what to do about what is bad.
func (a *app) tellBad(r api.VerifyReport) error {
	a.sayf("infernet: %s of %s not what it was", countOf(len(r.Bad), "thing"), countOf(r.Checked, "thing"))
	has := map[string]bool{}
	for _, b := range r.Bad {
		has[b.Reason] = true
	}
	if has[api.BadCorrupt] {
		a.sayf("hint: corrupt: the disk may be failing; infernet data get CID fetches it anew from others that have it")
	}
	if has[api.BadChanged] {
		a.sayf("hint: changed: put the file back as it was, or add it again, which gives it another CID")
	}
	if has[api.BadError] {
		a.sayf("hint: error: look at the rights and the disk below the node's home")
	}
	return told{exitCheck}
}
