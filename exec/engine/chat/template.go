package chat

import (
	"fmt"
	"slices"
	"strings"
)

// Turn is one message of a conversation. Role is system, user, assistant or
// tool; developer is read as system, and anything else as user.
type Turn struct {
	Role    string
	Content string
}

// Segment is a stretch of a prompt. Only control segments may become control
// tokens; the text of a stranger never is one.
type Segment struct {
	Text    string
	Control bool
}

// Template is one layout. The zero value lays nothing out; get one from
// Recognise or Named.
type Template struct {
	// Name is what Named takes.
	Name string
	// Stops are texts of tokens that end an answer even if the model's file
	// does not say so.
	Stops []string

	layout layout
}

// Recognise finds the layout that a model's Jinja text stands for. A model
// without one is a plain text model. Errors: ErrUnknown.
func Recognise(jinja string) (Template, error) {
	if strings.TrimSpace(jinja) == "" {
		return Named("plain")
	}
	for _, k := range known() {
		if k.stands(jinja) {
			return k.Template, nil
		}
	}
	return Template{}, fmt.Errorf("%w: the model's own is none of %s", ErrUnknown, strings.Join(Names(), ", "))
}

// Named returns the layout of that name. Errors: ErrUnknown.
func Named(name string) (Template, error) {
	for _, k := range known() {
		if k.Name == name {
			return k.Template, nil
		}
	}
	return Template{}, fmt.Errorf("%w: %.40q is not one of %s", ErrUnknown, name, strings.Join(Names(), ", "))
}

// Names lists the layouts there are.
func Names() []string {
	var names []string
	for _, k := range known() {
		names = append(names, k.Name)
	}
	return slices.Compact(names) // one layout may be recognised in two ways
}

// Render lays the conversation out and opens the answer. Neighbouring texts
// are joined: a tokenizer merges across their border.
func (t Template) Render(turns []Turn) []Segment {
	if t.layout == nil {
		return nil
	}
	clean := make([]Turn, len(turns))
	for i, turn := range turns {
		clean[i] = Turn{role(turn.Role), turn.Content}
	}
	var out []Segment
	for _, s := range t.layout(clean) {
		if n := len(out); n > 0 && !s.Control && !out[n-1].Control {
			out[n-1].Text += s.Text
			continue
		}
		out = append(out, s)
	}
	return slices.DeleteFunc(out, func(s Segment) bool { return s.Text == "" })
}

// role keeps what layouts know. A role becomes part of a control segment, so
// a stranger's own word for one must not get there.
func role(r string) string {
	switch r {
	case "system", "user", "assistant", "tool":
		return r
	case "developer":
		return "system"
	}
	return "user"
}
