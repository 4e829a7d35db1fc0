// Package openai is the face that a node shows to the clients of other
// programs: OpenAI's HTTP API and Ollama's, so that what was written for them
// uses the network unchanged.
//
// It checks requests, asks an Inferer (package node/infer, which chooses, pays
// and fails over), and hands answers on: streams event by event, as the bytes
// that the engine made, unless they hold what the node asked for on its own
// behalf (the usage at the end, the ids of tokens) and the client did not.
// Failures have the shape that the client of the path knows. Everything that
// comes in or goes out is bounded; a client that leaves ends the work at once.
//
// Answers carry X-Infernet-Provider, X-Infernet-Lease, X-Infernet-Price and
// X-Infernet-Verified: "claimed", one provider's word. Requests may carry
// X-Infernet-Session, X-Infernet-Max-Price-In and -Out. The provider that runs
// the model can read the prompt; nobody else between can.
//
// # Batches
//
// Files and batches are kept in a folder and the database, and survive a
// restart. A batch runs in one of two ways, told in its field "infernet":
//
//   - "job": as a batch job of the network, when every line is a chat with one
//     and the same model, of texts by system, user and assistant, without
//     tools, formats, log-probabilities, penalties, stop texts or several
//     choices, and names no temperature but 0: the batch engine decodes
//     greedily, gives each line the likeliest answer, and can do nothing else.
//     A line that names no temperature leaves the choice to the engine. Only
//     the tokens of the answer are counted there, so usage has no prompt
//     tokens. Should no provider take such a job, it runs as requests.
//   - "requests": line by line through the Inferer, a few at once, in all other
//     cases.
//
// The metadata key "infernet_path" with the value job or requests forces one; a
// batch that cannot run as a job then fails and says which line stands in its
// way. A crash of the node may ask lines again that had been answered.
//
// # Ollama
//
// The paths are Ollama's own below /api; none is one of the node's. Names may
// end in ":latest". Options that govern the engine's memory and threads
// (num_ctx, num_gpu, …) are the provider's business and are ignored, as is
// keep_alive; models are not pulled or deleted this way. /api/ps is empty: the
// engines run elsewhere.
//
// It authenticates nobody: package node/api serves it behind its guard.
package openai
