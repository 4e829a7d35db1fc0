// Command infernet-llm is the default inference engine: a thin program over
// llama.cpp that runs alone in a sandbox, in an image that holds nothing else.
//
// In batch mode it reads prompts from /in as JSONL, runs them one after
// another through the GGUF model at /model, and writes one answer a line to
// /out/output.jsonl:
//
//	{"id":"q1","prompt":"What is the capital of France?"}
//	{"id":"q1","answer":"The capital of France is Paris.","tokens":9}
//
// A line may hold "messages" ([{"role","content"}]) in place of "prompt", and
// "max_tokens". Without "id" the line's number stands for it. A line whose
// prompt does not fit the context is answered {"id":…,"error":…} and the rest
// goes on; a line that is not what it should be ends the run before any work
// is done, named by its number, because whoever pays should know at once. With
// --token-ids a line has the answer's "token_ids" too, which others need to
// replay it: a text may be spelt by other tokens than those that were chosen.
//
// In serve mode (--serve unix:PATH, or INFERNET_SOCKET and no arguments) it
// answers OpenAI's HTTP API on a unix socket: chats, completions, embeddings,
// streams, answers by a JSON schema or by llama.cpp's "grammar"; /tokenize and
// /detokenize as vLLM has them; /health; and /infernet/replay, which tells how
// likely the model holds an answer that somebody claims it gave, drawn as the
// request said: with the seed it draws each token again, and it judges the end
// of the answer too. Beyond
// OpenAI's fields it knows top_k, min_p, repeat_penalty (repetition_penalty),
// cache_salt and return_token_ids. Without max_tokens an answer goes on to the
// context's end, a completion for 16 tokens.
//
// One goroutine, the scheduler's, runs the model. Each step takes the next
// token of every answer and a part of every prompt, so that requests join and
// leave between steps and none waits for another's end; a reader who is slow
// or gone holds up nobody. What a slot of the cache holds stays for the next
// prompt that begins alike. A request may name a cache_salt; only requests of
// the same salt share what is cached, which keeps one tenant from learning by
// the time of an answer what another asked.
//
// Batch mode is greedy and nothing else. In both modes what is greedy depends
// on the model and the prompt alone: not on other requests, the cache, the
// number of slots or the run, which TestManyAtOnceAreAsOneAtATime holds to
// the last bit of log-probabilities for the demonstration model. One thread is
// the default. The program opens no network connection and loads no shared
// library. Texts from requests can never become control tokens of the model.
//
// On x86-64 make builds it twice: infernet-llm runs on any such processor, and
// infernet-llm-v3 is compiled for AVX2, FMA, F16C and BMI2 and takes a half to
// a quarter of the time for a token. The first, as its very first act, becomes
// the second where that one lies beside it and the machine has all it needs
// (INFERNET_LLM_PLAIN in the environment says no). The two differ in the last
// bits of log-probabilities, and at times so in a word; what is promised above
// holds for each. Which of them runs follows from the hardware class, so that
// machines of one class agree. Called by itself on a lesser processor, the
// second dies of an illegal instruction.
//
// Memory is bounded: requests by their size, their number and the queue; the
// cache, which has the context's length for each of the requests side by
// side, from the start. Models that only embed and pool in a way of their own
// are not served.
//
// It is called by nobody but the sandbox: package exec/engine makes the image,
// and a node's task arguments and environment are its flags. Exit codes: 0
// done, 1 failed, 2 the flags or the input are wrong.
package main
