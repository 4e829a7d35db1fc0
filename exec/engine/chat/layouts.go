package chat

import (
	"slices"
	"strings"
)

// layout turns a conversation, its roles known, into segments.
type layout func([]Turn) []Segment

// kind is a template and the marks by which its Jinja form is recognised:
// every one of has must be there and none of hasNot.
type kind struct {
	Template
	has, hasNot []string
}

func (k kind) stands(jinja string) bool {
	there := func(mark string) bool { return strings.Contains(jinja, mark) }
	missing := func(mark string) bool { return !there(mark) }
	return len(k.has) > 0 && !slices.ContainsFunc(k.has, missing) && !slices.ContainsFunc(k.hasNot, there)
}

func control(s string) Segment { return Segment{s, true} }
func plain(s string) Segment   { return Segment{s, false} }

// known lists what there is, the more telling marks first. The marks of the
// Mistral family are those that llama.cpp goes by (src/llama-chat.cpp).
func known() []kind {
	return []kind{
		{Template{"llama-3", []string{"<|eot_id|>"}, llama3}, []string{"<|start_header_id|>", "<|eot_id|>"}, nil},
		// Phi-4 and SmolVLM have chatml's marks and another layout.
		{Template{"chatml", []string{"<|im_end|>"}, chatml}, []string{"<|im_start|>", "<|im_end|>"}, []string{"<|im_sep|>", "<end_of_utterance>"}},
		{Template{"mistral-v7", nil, mistralV7}, []string{"[INST]", "[SYSTEM_PROMPT]"}, nil},
		{Template{"mistral-v1", nil, mistral(" ", " ", " ")}, []string{"' [INST] ' + system_message"}, nil},
		{Template{"mistral-v1", nil, mistral(" ", " ", " ")}, []string{" [INST]", "[AVAILABLE_TOOLS]"}, nil},
		{Template{"mistral-tekken", nil, mistral("", "", "")}, []string{`"[INST]"`, "[AVAILABLE_TOOLS]"}, nil},
		{Template{"mistral-v3", nil, mistral("", " ", "")}, []string{"[INST]", "[AVAILABLE_TOOLS]"}, nil},
		{Template{"phi-3", []string{"<|end|>"}, phi3}, []string{"<|assistant|>", "<|end|>"}, nil},
		// Falcon 3 has the same roles and ends no message of the user.
		{Template{"zephyr", []string{"</s>"}, zephyr}, []string{"<|assistant|>", `<|user|>\n' + message['content'] + eos_token`}, nil},
		{Template{"gemma", []string{"<end_of_turn>"}, gemma}, []string{"<start_of_turn>", "<end_of_turn>"}, nil},
		{Template: Template{"plain", nil, text}},
	}
}

func llama3(turns []Turn) []Segment {
	head := func(role string) []Segment {
		return []Segment{control("<|start_header_id|>"), plain(role), control("<|end_header_id|>"), plain("\n\n")}
	}
	var out []Segment
	for _, t := range turns {
		if t.Role == "tool" {
			t.Role = "ipython" // what Llama 3.1 calls the results of tools
		}
		out = append(append(out, head(t.Role)...), plain(t.Content), control("<|eot_id|>"))
	}
	return append(out, head("assistant")...)
}

func chatml(turns []Turn) []Segment {
	var out []Segment
	for _, t := range turns {
		out = append(out, control("<|im_start|>"), plain(t.Role+"\n"+t.Content), control("<|im_end|>"), plain("\n"))
	}
	return append(out, control("<|im_start|>"), plain("assistant\n"))
}

func phi3(turns []Turn) []Segment {
	var out []Segment
	for _, t := range turns {
		out = append(out, control("<|"+known3(t.Role)+"|>"), plain("\n"+t.Content), control("<|end|>"), plain("\n"))
	}
	return append(out, control("<|assistant|>"), plain("\n"))
}

// zephyr writes its roles as text: its vocabulary has no tokens for them.
func zephyr(turns []Turn) []Segment {
	var out []Segment
	for _, t := range turns {
		out = append(out, plain("<|"+known3(t.Role)+"|>\n"+t.Content), control("</s>"), plain("\n"))
	}
	return append(out, plain("<|assistant|>\n"))
}

// known3 is for layouts that have three roles only.
func known3(role string) string {
	if role == "tool" {
		return "user"
	}
	return role
}

// gemma knows two roles; what the system says goes before the first message.
func gemma(turns []Turn) []Segment {
	var out []Segment
	for _, t := range foldSystem(turns) {
		role := "user"
		if t.Role == "assistant" {
			role = "model"
		}
		out = append(out, control("<start_of_turn>"), plain(role+"\n"+strings.TrimSpace(t.Content)), control("<end_of_turn>"), plain("\n"))
	}
	return append(out, control("<start_of_turn>"), plain("model\n"))
}

// mistral is the layout of the versions 1 and 3; what is before, inside and
// after the brackets differs between them and their tokenizers.
func mistral(before, inside, after string) layout {
	return func(turns []Turn) []Segment {
		var out []Segment
		for _, t := range foldSystem(turns) {
			if t.Role == "assistant" {
				out = append(out, plain(inside+strings.TrimSpace(t.Content)), control("</s>"))
				continue
			}
			out = append(out, plain(before), control("[INST]"), plain(inside+t.Content+after), control("[/INST]"))
		}
		return out
	}
}

func mistralV7(turns []Turn) []Segment {
	var out []Segment
	for _, t := range turns {
		switch t.Role {
		case "system":
			out = append(out, control("[SYSTEM_PROMPT]"), plain(" "+t.Content), control("[/SYSTEM_PROMPT]"))
		case "assistant":
			out = append(out, plain(" "+t.Content), control("</s>"))
		default:
			out = append(out, control("[INST]"), plain(" "+t.Content), control("[/INST]"))
		}
	}
	return out
}

// foldSystem puts what the system says before the next message, for layouts
// without such a role. Where none follows it is a message of the user.
func foldSystem(turns []Turn) []Turn {
	var out []Turn
	system := ""
	for _, t := range turns {
		switch {
		case t.Role == "system":
			system += strings.TrimSpace(t.Content) + "\n\n"
		default:
			out = append(out, Turn{t.Role, system + t.Content})
			system = ""
		}
	}
	if system != "" {
		out = append(out, Turn{"user", strings.TrimSpace(system)})
	}
	return out
}

// text is for models that continue a text: a line for each message and no end
// of the last line, which would end the thought.
func text(turns []Turn) []Segment {
	var lines []string
	for _, t := range turns {
		lines = append(lines, t.Content)
	}
	return []Segment{plain(strings.Join(lines, "\n"))}
}
