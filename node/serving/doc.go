// Package serving is the provider's side of inference: it quotes for requests
// to a model, leases it to clients, passes their requests to warm engines,
// meters what they use and has it paid window by window.
//
// What it refuses to do: answer a request that names no lease of the peer that
// sends it, let what is unpaid grow past a window and one request, past a
// lease's budget or past the rail's credit, take a window whose totals are
// below its own meter, or sign a receipt for a payment that has not come.
//
// # A lease's life
//
// A lease is one agreement with one client about one model at a fixed rate. Its
// key is (client, job). Everything a client can ask twice gets the same answer,
// byte for byte, over restarts too.
//
//	quoted -> leased -> (requests, windows)* -> ended
//	                        window n: stated -> accepted -> paid -> receipted
//
// A lease and each window are in the store before the client hears of them.
// The meter is not: it is written once a second, and sooner when much was
// used. A crash forgets at most what was used since, which the limit on unpaid
// work bounds; a client that states more than the meter knows is believed.
//
// # Audits
//
// A client may replay answers at others; the secret that draws which is promised
// in its Lease by its hash. A request that brings its number has its answer's
// hash remembered, and the Disclosure on the stream of the last window is held
// against what was promised and what was answered, and kept. One that breaks the
// client's word is refused and told to Deps.Betrayed.
//
// # Data plane
//
// One stream of /infernet/http/1 is one kept-alive HTTP/1.1 connection whose
// peer is the author of all its requests: nothing is signed by request. Bytes
// of an answer go on as they come from the engine, flushed at each read; the
// counts are picked out of the passing bytes. A client that goes away ends the
// engine's work on its request at once.
//
// The node composes it (package node); nobody else calls it.
package serving
