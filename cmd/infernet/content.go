package main

import (
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

// shelf is one of the groups data, model and image, whose verbs are alike.
type shelf struct {
	kind api.ContentKind
	noun string // the group's own name
	one  string // "a model", for texts
}

// refs is what stands for content in a verb's usage.
func (s shelf) refs() string {
	if s.kind == api.Images {
		return "NAME|DIGEST|CID"
	}
	return "NAME|CID"
}

// keepVerbs are those that say what stays, what is whole and what others may have.
func (a *app) keepVerbs(s shelf) []*cobra.Command {
	verbs := []*cobra.Command{
		a.markVerb(s, "pin", "keep "+s.one+" when room is made", "pinned: yes",
			func(cmd *cobra.Command, c *api.Client, ref string) (api.Content, error) {
				return c.Pin(cmd.Context(), s.kind, ref, true)
			}),
		a.markVerb(s, "unpin", "no longer keep "+s.one+" when room is made", "pinned: no",
			func(cmd *cobra.Command, c *api.Client, ref string) (api.Content, error) {
				return c.Pin(cmd.Context(), s.kind, ref, false)
			}),
		a.markVerb(s, "share", "let anyone fetch "+s.one+" from this node", "shared: yes",
			func(cmd *cobra.Command, c *api.Client, ref string) (api.Content, error) {
				return c.Share(cmd.Context(), s.kind, ref, true)
			}),
		a.markVerb(s, "unshare", "no longer let anyone fetch "+s.one+"; jobs that need it still may", "shared: no",
			func(cmd *cobra.Command, c *api.Client, ref string) (api.Content, error) {
				return c.Share(cmd.Context(), s.kind, ref, false)
			}),
		a.collect(s), a.verifyContent(s), a.aliasContent(s), a.removeContent(s),
	}
	return verbs
}

// markVerb is a verb that changes what is noted of one thing.
func (a *app) markVerb(s shelf, use, short, done string, fn func(*cobra.Command, *api.Client, string) (api.Content, error)) *cobra.Command {
	return &cobra.Command{
		Use: use + " " + s.refs(), Short: short,
		Example: "  infernet " + s.noun + " " + use + " " + exampleRef(s),
		Args:    args(1, 1, "one "+strings.ReplaceAll(s.refs(), "|", " or ")),
		RunE: func(cmd *cobra.Command, given []string) error {
			ref, err := reference(given[0])
			if err != nil {
				return err
			}
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			x, err := fn(cmd, c, ref)
			if err != nil {
				return err
			}
			return a.emit(x, func() { a.printf("%s  %s", x.CID, done) })
		},
	}
}

func exampleRef(s shelf) string {
	if s.kind == api.Data {
		return "bafy…"
	}
	return "classify"
}

func (a *app) aliasContent(s shelf) *cobra.Command {
	return &cobra.Command{
		Use: "alias NEW " + s.refs(), Short: "give " + s.one + " one more name",
		Example: "  infernet " + s.noun + " alias assistant " + exampleRef(s),
		Args:    args(2, 2, "a NEW name and a "+strings.ReplaceAll(s.refs(), "|", " or ")),
		RunE: func(cmd *cobra.Command, given []string) error {
			ref, err := reference(given[1])
			if err != nil {
				return err
			}
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			x, err := c.Alias(cmd.Context(), s.kind, given[0], ref)
			if err != nil {
				return err
			}
			return a.emit(x, func() { a.printf("%s  %s", nameText(x.Name), x.CID) })
		},
	}
}

func (a *app) removeContent(s shelf) *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME", Short: "take a name away; what has no name and no pin goes at the next gc",
		Example: "  infernet " + s.noun + " rm assistant",
		Args:    args(1, 1, "one NAME"),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			x, err := c.Remove(cmd.Context(), s.kind, given[0])
			if err != nil {
				return err
			}
			return a.emit(x, func() { a.printf("%s no longer stands for %s", nameText(x.Name), x.CID) })
		},
	}
}
