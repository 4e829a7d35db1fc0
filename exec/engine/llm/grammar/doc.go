// Package grammar keeps a model's answer to a form: JSON, JSON that follows a
// schema, or what a grammar in llama.cpp's notation describes. It makes a grammar of the schema and follows an answer
// through it token by token, so that a token that would leave the form is
// never chosen.
//
// All of it is bounded, because schemas come from strangers: the size and
// depth of a schema, the rules made of it, repetitions, and the number of
// ways in which an answer may be read at once. What exceeds a bound is an
// error before or an end during the answer, never a crash or a stall. What a
// schema asks for and this package cannot keep is refused rather than passed
// over. Grammars work on bytes, so that a token may end within a character.
//
// The engine calls it for response_format and grammar.
package grammar
