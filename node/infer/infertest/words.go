package infertest

import (
	"hash/fnv"
	"strings"
	"sync"
)

// Words is a tokenizer of which each word, with the space before it, is one
// token. It is meter.Tokenizer.
// Client and providers share one: it learns words as it meets them.
type Words struct{ table sync.Map }

// Encode implements meter.Tokenizer.
func (w *Words) Encode(text string, _ bool) ([]int, error) { return w.ids(text), nil }

func (w *Words) ids(text string) []int {
	var out []int
	for len(text) > 0 {
		end := strings.IndexByte(text[1:], ' ') + 1
		if end == 0 {
			end = len(text)
		}
		h := fnv.New32a()
		_, _ = h.Write([]byte(text[:end]))
		id := int(h.Sum32() >> 1) // as a vocabulary may have
		w.table.Store(id, text[:end])
		out, text = append(out, id), text[end:]
	}
	return out
}

// Decode implements meter.Tokenizer.
func (w *Words) Decode(ids []int) string {
	var b strings.Builder
	for _, id := range ids {
		if s, ok := w.table.Load(id); ok {
			b.WriteString(s.(string))
		}
	}
	return b.String()
}
