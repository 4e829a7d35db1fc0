package tokens

import (
	"fmt"
	"strings"

	"infernet.tech/infernet/exec/engine/chat"
	"infernet.tech/infernet/exec/engine/gguf"
)

// MaxText is how many bytes one text may have.
const MaxText = 16 << 20

// Tokenizer knows one vocabulary. It is safe for use by many goroutines.
type Tokenizer struct {
	texts    []string // of each token, as the file has it
	types    []gguf.TokenType
	pieces   []string // what each token stands for
	ids      map[string]int32
	longest  int // bytes of the longest token
	bos, eos int
	addBOS   bool
	addEOS   bool
	special  specials
	model    model
}

// model is the part that differs between kinds of tokenizers: it appends the
// tokens of a text in which no special token is left. first tells that nothing
// or a special token stands before it.
type model interface {
	encode(out []int, text string, first bool) []int
}

// New prepares a tokenizer. Errors: ErrUnsupported, ErrMalformed.
func New(v gguf.Vocab) (*Tokenizer, error) {
	t := &Tokenizer{texts: make([]string, len(v.Tokens)), bos: v.BOS, eos: v.EOS, ids: make(map[string]int32, len(v.Tokens))}
	if len(v.Types) != 0 && len(v.Types) != len(v.Tokens) || len(v.Scores) != 0 && len(v.Scores) != len(v.Tokens) {
		return nil, fmt.Errorf("%w: lists of different lengths", ErrMalformed)
	}
	for id, text := range v.Tokens {
		if text == "" {
			text = fmt.Sprintf("[EMPTY_%d]", id)
		}
		t.texts[id] = text
		t.ids[text] = int32(id)
		t.longest = max(t.longest, len(text))
	}
	if len(t.ids) != len(t.texts) || len(t.texts) == 0 {
		return nil, fmt.Errorf("%w: no tokens, or one twice", ErrMalformed)
	}
	t.types = kinds(v, t.ids)
	var err error
	switch v.Model {
	case "llama":
		err = t.sentencePiece(v)
	case "gpt2":
		err = t.bytePair(v)
	default:
		err = fmt.Errorf("%w: %.40q", ErrUnsupported, v.Model)
	}
	if err != nil {
		return nil, err
	}
	if v.AddBOS != nil {
		t.addBOS = *v.AddBOS
	}
	if v.AddEOS != nil {
		t.addEOS = *v.AddEOS
	}
	if t.addBOS && (t.bos < 0 || t.bos >= len(t.texts)) || t.addEOS && (t.eos < 0 || t.eos >= len(t.texts)) {
		return nil, fmt.Errorf("%w: a token to add is none of its own", ErrMalformed)
	}
	t.special = newSpecials(t, v)
	return t, nil
}

// Size is how many tokens there are.
func (t *Tokenizer) Size() int { return len(t.texts) }

// Encode returns the tokens of a text, without those that a model wants at the
// start and end of a prompt. With special, texts of control tokens become
// those; without, they are text as any other. Errors: ErrTooLong.
func (t *Tokenizer) Encode(text string, special bool) ([]int, error) {
	return t.append(nil, text, special)
}

// EncodePrompt is Encode with what the model wants at the start and end.
func (t *Tokenizer) EncodePrompt(text string, special bool) ([]int, error) {
	var out []int
	if t.addBOS {
		out = append(out, t.bos)
	}
	out, err := t.append(out, text, special)
	if err == nil && t.addEOS {
		out = append(out, t.eos)
	}
	return out, err
}

// Count is how many tokens Encode returns.
func (t *Tokenizer) Count(text string, special bool) (int, error) {
	out, err := t.Encode(text, special)
	return len(out), err
}

func (t *Tokenizer) append(out []int, text string, special bool) ([]int, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLong, len(text))
	}
	stretches := []string{text}
	if _, ok := t.model.(*bpe); ok {
		stretches = chat.Stretches(text) // as the engine does
	}
	first, looked := true, 0
	for _, s := range stretches {
		parts, err := t.special.split(s, special, &looked)
		if err != nil {
			return nil, err
		}
		for _, f := range parts {
			if f.token >= 0 {
				out, first = append(out, int(f.token)), true
				continue
			}
			out, first = t.model.encode(out, f.text, first), false
		}
	}
	return out, nil
}

// Piece is the bytes that one token stands for, as the engine writes them: not
// always whole characters, and the texts of control tokens too. It is empty
// for numbers that are no token.
func (t *Tokenizer) Piece(token int) string {
	if token < 0 || token >= len(t.pieces) {
		return ""
	}
	return t.pieces[token]
}

// Decode joins the pieces of tokens. A text that Encode was given comes back
// but for what the vocabulary cannot say and, with SentencePiece, a space more
// in front.
func (t *Tokenizer) Decode(tokens []int) string {
	var b strings.Builder
	for _, id := range tokens {
		b.WriteString(t.Piece(id))
	}
	return b.String()
}

// kinds are the tokens' types, with those corrected that files often have
// wrong: llama.cpp goes by their texts.
func kinds(v gguf.Vocab, ids map[string]int32) []gguf.TokenType {
	types := make([]gguf.TokenType, len(v.Tokens))
	for i := range types {
		types[i] = gguf.TokenNormal
		if len(v.Types) > 0 {
			types[i] = v.Types[i]
		}
	}
	set := func(to gguf.TokenType, texts ...string) {
		for _, text := range texts {
			if id, ok := ids[text]; ok {
				types[id] = to
			}
		}
	}
	set(gguf.TokenControl, "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<end_of_turn>",
		"<|endoftext|>", "<|eom_id|>", "<EOT>", "_<EOT>", "<|end_of_text|>", "<end_of_utterance>",
		"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>",
		"<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>",
		"<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>",
		"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>",
		"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>", "<|file_sep|>")
	set(gguf.TokenUserDefined, "<|channel|>", "<|message|>", "<|start|>", "<|constrain|>")
	_, returns := ids["<|return|>"]
	_, calls := ids["<|call|>"]
	if returns && calls {
		set(gguf.TokenUserDefined, "<|end|>")
	}
	return types
}
