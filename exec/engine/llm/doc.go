// Command infernet-llm is the default inference engine: a thin program over
// llama.cpp that runs alone in a sandbox, in an image that holds nothing else.
//
// It reads prompts from /in as JSONL, runs them one after another through the
// GGUF model at /model, and writes one answer a line to /out/output.jsonl:
//
//	{"id":"q1","prompt":"What is the capital of France?"}
//	{"id":"q1","answer":"The capital of France is Paris.","tokens":9}
//
// A line may hold "messages" ([{"role","content"}]) in place of "prompt", and
// "max_tokens". Without "id" the line's number stands for it. A line whose
// prompt does not fit the context is answered {"id":…,"error":…} and the rest
// goes on; a line that is not what it should be ends the run before any work
// is done, named by its number, because whoever pays should know at once.
//
// Decoding is greedy and nothing else, with one thread, so that the same
// model, input and kind of processor give the same bytes. The program opens no
// network connection and loads no shared library. Texts from the input can
// never become control tokens of the model.
//
// It is called by nobody but the sandbox: package exec/engine makes the image,
// and a node's task arguments are its flags. Exit codes: 0 done, 1 failed,
// 2 the flags or the input are wrong.
package main
