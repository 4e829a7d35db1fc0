package main

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/node/api"
)

// showModel is the show verb. A file is read here: no node is needed for it.
func (a *app) showModel() *cobra.Command {
	template := false
	c := &cobra.Command{
		Use: "show NAME|FILE|CID", Short: "tell what a model says of itself",
		Long:    "Tell what a model says of itself: its header is read, within limits, and nothing of it is run.",
		Example: "  infernet model show llama --template",
		Args:    args(1, 1, "one NAME, FILE or CID"),
		RunE: func(cmd *cobra.Command, given []string) error {
			x, err := a.describe(cmd, given[0], template)
			if err != nil {
				return err
			}
			return a.emit(x, func() { a.showHead(x) })
		},
	}
	c.Flags().BoolVar(&template, "template", false, "the text of its chat template too")
	return c
}

func (a *app) describe(cmd *cobra.Command, ref string, template bool) (api.Content, error) {
	if !isFile(ref) && !filepath.IsAbs(ref) && !strings.HasPrefix(ref, ".") {
		c, err := a.client(cmd.Context())
		if err != nil {
			return api.Content{}, err
		}
		return c.Show(cmd.Context(), ref, template)
	}
	abs, err := absolute(ref)
	if err != nil {
		return api.Content{}, err
	}
	h, err := gguf.Describe(abs, gguf.Limits{})
	switch {
	case errors.Is(err, gguf.ErrPickle), errors.Is(err, gguf.ErrFormat):
		return api.Content{}, refusal(ref, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return api.Content{}, err
	case err != nil:
		return api.Content{}, failf(exitUsage, "", "%s: %w", foreign(ref), err)
	}
	m := api.NewModelHead(h, template)
	return api.Content{Path: abs, Size: h.Size, Model: &m}, nil
}

// showHead prints a model's description, a line a field.
func (a *app) showHead(x api.Content) {
	m := api.ModelHead{}
	if x.Model != nil {
		m = *x.Model
	}
	rows := [][2]string{
		{"name", foreign(x.Name)},
		{"title", foreign(m.Title)},
		{"format", foreign(m.Format)},
		{"architecture", foreign(m.Architecture)},
		{"parameters", numberText(m.Parameters)},
		{"quantisation", foreign(m.Quantisation)},
		{"size", bytesText(x.Size)},
		{"context", numberText(m.Context)},
		{"embedding", numberText(m.Embedding)},
		{"layers", numberText(m.Layers)},
		{"tokenizer", foreign(m.Tokenizer)},
		{"vocabulary", numberText(m.Vocabulary)},
		{"chat template", foreign(m.ChatTemplate)},
		{"cid", foreign(x.CID)},
		{"path", foreign(x.Path)},
	}
	for _, r := range rows {
		a.printf("%-14s %s", r[0], r[1])
	}
	if m.TemplateText != "" {
		a.printf("\n%s", printable(m.TemplateText))
	}
}

// printable is a stranger's text of several lines: what could steer a terminal
// is escaped.
func printable(s string) string {
	var out strings.Builder
	for _, r := range s {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		out.WriteString(quoted[1 : len(quoted)-1])
	}
	return out.String()
}

// numberText is a count as people read it: 1,235,814,400; "-" for none.
func numberText(n uint64) string {
	if n == 0 {
		return "-"
	}
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
