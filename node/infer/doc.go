// Package infer is the client's side of inference: it finds who serves a
// model, chooses one of them, sends the request over a kept-alive HTTP
// connection inside a libp2p stream, and pays for the tokens that it counted
// itself.
//
// # A request
//
//	Do -> candidates (cached) -> choose -> lease (kept) -> POST -> first event -> Response.Body
//
// Nothing on that path signs, searches the table or writes to the store: a
// lease is agreed once and names the connection's peer as its owner, searches
// and quotes are renewed in the background, and usage is journalled by Run.
// The body is read from the provider as the caller reads it, so a slow reader
// slows the engine and nothing is buffered but one event.
//
// # What may go wrong
//
//   - No first byte within Config.FirstByte: a second provider is asked too and
//     the first to answer wins.
//   - A failure before the first byte: the next provider.
//   - A failure in mid-stream: a deterministic request is asked again elsewhere
//     and goes on after the text already given, when that is equal; any other
//     ends with an error event. Silence longer than Config.Idle is a failure.
//   - The caller goes away: closing the body or ending the context closes the
//     connection, which stops the engine.
//
// # Money
//
// Usage is paid by windows of a lease. A window is written down before it is
// said, its payment has the reference (lease, seq, 0) however often it is
// tried, and its receipt goes into the ledger with the provider's
// countersignature. The states of a window:
//
//	stated -> accepted -> paid -> done
//	stated -> disputed
//
// A provider that claims more tokens than there can have been is not paid for
// them: its window stays disputed and a receipt that says so is kept.
//
// # Audits
//
// Where Deps.Trust says what is known of a provider, a share of its answers is
// replayed by somebody else who serves the model, or by this node's own engine,
// and package compare decides whether the model would have said them:
//
//	answer ends -> lottery -> queue -> replay -> test -> right | wrong | not yet
//	wrong -> replay by an independent second -> lease ends, window unpaid, receipt
//
// The lottery is that of a secret whose hash is in the Lease, drawn over the
// bytes of request and answer (wire.AnswerHash), and disclosed to the provider
// with the lease's last window. The rate follows package audit; what replays
// cost is bounded by Config.Audits, and down to Audits.Least it gives way to
// that. Requests are given a seed where they have none, and ask for the ids of
// tokens: what is drawn by a known seed is checked like what is not drawn.
// Answers of a dozen tokens decide nothing alone, so that those of one provider
// are judged together, the ends of answers for themselves. Nobody is blamed on
// one stranger's word. A payment waits a little for audits under way.
//
// An audit shows the conversation to one more provider. What cannot be audited:
// answers of a given form, with tools or media, and those whose engine does not
// tell its tokens. A model rounded to eight bits is not told from one of sixteen.
//
// What it refuses: to pay for what it did not count, a price above the
// request's own limit, spending over Config.HourCap an hour, and answers whose
// events are not valid JSON or are larger than Config.MaxEvent.
//
// The node composes it (package node) and node/openai calls it.
package infer
