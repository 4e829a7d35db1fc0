// Package meter counts the tokens of a request again, on the side that pays.
//
// A provider's claim is held against what was seen: the token ids and the text
// they spell where there is the model's own tokenizer, else bounds that no
// honest claim exceeds (a token of output brings a byte of text or is an event
// of its own; a prompt has no more tokens than bytes, plus its template's).
//
// It refuses to believe more than that and never counts more than was claimed.
// It does no I/O and knows no prices. Package node/infer calls it.
package meter
