// Package openai holds the shapes of the OpenAI HTTP API that engines, the
// data plane and the faces share: requests decoded within limits, responses,
// errors as the official clients expect them, and server-sent events whose
// bytes can be passed on unchanged.
//
// It refuses what a stranger could use to make one hop read a request
// differently from the next: a field given twice, or spelt in another case.
// Fields that it does not know are kept. It does no I/O of its own but over
// the readers and writers it is given, and needs the standard library only,
// so that engines which are modules of their own can use it.
//
// The names of extensions (return_token_ids, /tokenize, /detokenize) are
// vLLM's.
package openai
