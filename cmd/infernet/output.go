package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// emit prints the verb's result: v as JSON, or what human prints.
func (a *app) emit(v any, human func()) error {
	if !a.json {
		human()
		return nil
	}
	return a.document(v)
}

// document prints the one JSON document of this run.
func (a *app) document(v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	a.printed = true
	_, err = fmt.Fprintf(a.out, "%s\n", tame(raw))
	return err
}

// tame is JSON that says the same and drives no terminal: strangers' texts may
// hold control characters of the second kind (U+0080 and on, one of which
// begins escape sequences) and direction overrides, which JSON lets through.
func tame(raw []byte) []byte {
	bad := func(r rune) bool { return !showable(r) }
	if bytes.IndexFunc(raw, bad) < 0 {
		return raw
	}
	var out []byte
	for _, r := range string(raw) {
		if bad(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// printf writes a line of the result for people.
func (a *app) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(a.out, format+"\n", args...)
}

// sayf writes a line about what is going on.
func (a *app) sayf(format string, args ...any) {
	_, _ = fmt.Fprintf(a.err, format+"\n", args...)
}

// table prints rows under a head, aligned.
func (a *app) table(head string, rows [][]string) {
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, strings.ReplaceAll(head, " ", "\t"))
	for _, r := range rows {
		_, _ = fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	_ = w.Flush()
}
