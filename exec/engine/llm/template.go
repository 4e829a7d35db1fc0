package main

import (
	"fmt"
	"slices"
	"strings"
)

// segment is a stretch of a prompt. Only control segments may become control
// tokens; the text of a stranger never is one.
type segment struct {
	text    string
	control bool
}

// template lays a conversation out as a model was trained to see it.
type template struct {
	name string
	// marks are the strings by which the Jinja form is recognised.
	marks []string
	// turn gives what comes before and after a message of a role.
	turn func(role string) (before, after []segment)
	// reply opens the answer.
	reply []segment
	// stops are strings of tokens that end an answer even if the model's file
	// does not say so.
	stops []string
}

func control(s string) segment { return segment{s, true} }
func plain(s string) segment   { return segment{s, false} }

// templates lists what is known, the more telling marks first.
func templates() []template {
	return []template{
		{
			name:  "llama-3",
			marks: []string{"<|start_header_id|>", "<|eot_id|>"},
			turn: func(role string) ([]segment, []segment) {
				return []segment{control("<|start_header_id|>"), plain(role), control("<|end_header_id|>"), plain("\n\n")},
					[]segment{control("<|eot_id|>")}
			},
			reply: []segment{control("<|start_header_id|>"), plain("assistant"), control("<|end_header_id|>"), plain("\n\n")},
			stops: []string{"<|eot_id|>"},
		},
		{
			name:  "chatml",
			marks: []string{"<|im_start|>", "<|im_end|>"},
			turn: func(role string) ([]segment, []segment) {
				return []segment{control("<|im_start|>"), plain(role + "\n")}, []segment{control("<|im_end|>"), plain("\n")}
			},
			reply: []segment{control("<|im_start|>"), plain("assistant\n")},
			stops: []string{"<|im_end|>"},
		},
		{
			name:  "phi-3",
			marks: []string{"<|assistant|>", "<|end|>"},
			turn: func(role string) ([]segment, []segment) {
				return []segment{control("<|" + role + "|>"), plain("\n")}, []segment{control("<|end|>"), plain("\n")}
			},
			reply: []segment{control("<|assistant|>"), plain("\n")},
			stops: []string{"<|end|>"},
		},
		{
			name: "plain",
			turn: func(string) ([]segment, []segment) { return nil, []segment{plain("\n")} },
		},
	}
}

func templateNames() string {
	var names []string
	for _, t := range templates() {
		names = append(names, t.name)
	}
	return strings.Join(names, ", ")
}

// recognise finds the template that a model's Jinja text stands for. A model
// without one is a plain text model.
func recognise(jinja string) (template, error) {
	if strings.TrimSpace(jinja) == "" {
		return named("plain")
	}
	for _, t := range templates() {
		missing := func(mark string) bool { return !strings.Contains(jinja, mark) }
		if len(t.marks) > 0 && !slices.ContainsFunc(t.marks, missing) {
			return t, nil
		}
	}
	return template{}, fmt.Errorf("%w: the model's chat template is of no kind this engine knows (%s): name one with --template", errUsage, templateNames())
}

func named(name string) (template, error) {
	for _, t := range templates() {
		if t.name == name {
			return t, nil
		}
	}
	return template{}, fmt.Errorf("%w: template %.40q is not one of %s", errUsage, name, templateNames())
}

// render lays the conversation out and opens the answer. Neighbouring texts
// are joined: a tokenizer merges across their border.
func (t template) render(turns []message) []segment {
	var all []segment
	for _, m := range turns {
		before, after := t.turn(m.Role)
		all = append(all, before...)
		all = append(all, plain(m.Content))
		all = append(all, after...)
	}
	all = append(all, t.reply...)
	if t.name == "plain" {
		// A text model continues the text: a line's end would end the thought.
		all = all[:len(all)-1]
	}
	var out []segment
	for _, s := range all {
		if n := len(out); n > 0 && !s.control && !out[n-1].control {
			out[n-1].text += s.text
			continue
		}
		out = append(out, s)
	}
	return out
}
