package meter

// Tokenizer is a model's own; *tokens.Tokenizer is one.
type Tokenizer interface {
	Encode(text string, special bool) ([]int, error)
	Decode(ids []int) string
}
