package tokens

import "fmt"

// splitter cuts a text into words and returns their lengths in bytes. Bytes of
// different words never merge.
type splitter func(c *classes, text string) []int

// matcher is one regular expression: how many bytes of the text's start it
// matches, 0 for none. The text ends where the expression may look no further.
type matcher func(c *classes, text string) int

// preKind is a pre-tokenizer with the habits that go with it.
type preKind struct {
	split      splitter
	addBOS     bool // a prompt begins with BOS unless the file says otherwise
	noBOS      bool // there is none unless the file names one
	wholeWords bool // a word that is a token is not merged
}

// preTokenizer knows the names of llama.cpp. It takes an unknown name for the
// default and warns; a wrong count is worth less than none, so it is refused
// here.
func preTokenizer(name string) (preKind, error) {
	switch name {
	case "", "default":
		return preKind{split: stages(signs("$+<=>^~|"), gpt2, numbers(0), asciiDigits)}, nil
	case "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2":
		return preKind{split: stages(llama3(3)), addBOS: true, wholeWords: true}, nil
	case "dbrx", "smaug-bpe":
		return preKind{split: stages(llama3(3))}, nil
	case "glm4", "chatglm-bpe":
		return preKind{split: stages(llama3(3)), noBOS: true}, nil
	case "qwen2", "deepseek-r1-qwen", "kormo", "megrez", "stablelm2", "hunyuan", "grok-2":
		return preKind{split: stages(llama3(1))}, nil
	case "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum",
		"jina-v1-en", "jina-v2-code", "roberta-bpe", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4":
		return preKind{split: stages(gpt2)}, nil
	case "starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b":
		return preKind{split: stages(numbers(1), gpt2)}, nil
	case "falcon":
		return preKind{split: stages(signs("$+<=>^~|`"), gpt2, asciiDigits)}, nil
	case "tekken":
		return preKind{split: stages(cased(1, false)), addBOS: true, wholeWords: true}, nil
	case "gpt-4o", "llama4", "minimax-m2":
		return preKind{split: stages(cased(3, true))}, nil
	case "deepseek-v3", "hunyuan-dense":
		return preKind{split: stages(numbers(3), cjk, deepseek3)}, nil
	}
	return preKind{}, fmt.Errorf("%w: pre-tokenizer %.40q", ErrUnsupported, name)
}

// stages applies expressions one after the other, each to every word that the
// one before it left. What an expression does not match becomes words too.
func stages(list ...matcher) splitter {
	return func(c *classes, text string) []int {
		words := []int{len(text)}
		for _, m := range list {
			words = cut(c, m, text, words)
		}
		return words
	}
}

func cut(c *classes, m matcher, text string, words []int) []int {
	out := make([]int, 0, max(len(words), len(text)/4))
	for _, n := range words {
		word, gap := text[:n], 0
		text = text[n:]
		for gap < len(word) {
			n := m(c, word[gap:])
			if n == 0 {
				_, _, width := c.next(word[gap:])
				gap += width
				continue
			}
			if gap > 0 {
				out = append(out, gap)
			}
			out = append(out, n)
			word, gap = word[gap+n:], 0
		}
		if gap > 0 {
			out = append(out, gap)
		}
	}
	return out
}
