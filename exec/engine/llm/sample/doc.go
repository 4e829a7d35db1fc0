// Package sample chooses the next token of an answer from a model's logits,
// and tells how likely the model held a token.
//
// It is pure: the same logits, parameters and seed give the same token on
// every machine. Temperature 0 takes the likeliest token and, of equals, the
// one with the lowest number; no randomness is drawn there. What a model says
// that is not a number is never chosen.
//
// The engine's scheduler calls it, one Sampler for one answer.
package sample
