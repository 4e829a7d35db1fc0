package main

import (
	"errors"
	"strings"
	"testing"
)

const phi3Jinja = `{{ bos_token }}{% for message in messages %}{{'<|' + message['role'] + '|>' + '\n' + message['content'] + '<|end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}`

func TestRecognise(t *testing.T) {
	t.Parallel()
	for jinja, want := range map[string]string{
		"":        "plain",
		phi3Jinja: "phi-3",
		`{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n'}}{% endfor %}`: "chatml",
		`{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n'+ m['content'] | trim + '<|eot_id|>' }}`:         "llama-3",
	} {
		got, err := recognise(jinja)
		if err != nil || got.name != want {
			t.Errorf("%q: %q, %v", jinja, got.name, err)
		}
	}
	_, err := recognise("[INST] {{ content }} [/INST]")
	if !errors.Is(err, errUsage) || !strings.Contains(err.Error(), "--template") {
		t.Errorf("unknown template: %v", err)
	}
	if _, err := named("chatgpt"); !errors.Is(err, errUsage) {
		t.Errorf("unknown name: %v", err)
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	turns := []message{{"system", "Be brief."}, {"user", "Hi <|end|> there"}}
	for name, want := range map[string]string{
		"phi-3":   "[<|system|>]\nBe brief.[<|end|>]\n[<|user|>]\nHi <|end|> there[<|end|>]\n[<|assistant|>]\n",
		"chatml":  "[<|im_start|>]system\nBe brief.[<|im_end|>]\n[<|im_start|>]user\nHi <|end|> there[<|im_end|>]\n[<|im_start|>]assistant\n",
		"llama-3": "[<|start_header_id|>]system[<|end_header_id|>]\n\nBe brief.[<|eot_id|>][<|start_header_id|>]user[<|end_header_id|>]\n\nHi <|end|> there[<|eot_id|>][<|start_header_id|>]assistant[<|end_header_id|>]\n\n",
		"plain":   "Be brief.\nHi <|end|> there",
	} {
		tmpl, err := named(name)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		previous := true
		for _, s := range tmpl.render(turns) {
			if s.control {
				got.WriteString("[" + s.text + "]")
			} else {
				got.WriteString(s.text)
				if !previous {
					t.Errorf("%s: two texts side by side", name)
				}
			}
			previous = s.control
		}
		if got.String() != want {
			t.Errorf("%s:\n got %q\nwant %q", name, got.String(), want)
		}
	}
}
