// Package aggregator is the aggregator role: it drives jobs. It finds
// providers, hands out shards, collects commits before it asks for reveals,
// compares, pays, and puts the result together.
//
// What to do is decided by the pure machine in node/job; this package does it.
// The order is always the same and is what makes a kill -9 harmless:
//
//	event -> job.Step -> write job and outbox in one transaction -> run effects
//	                                                                  |
//	                      <--------------- the event that answers ----+
//
// Every effect may run twice: requests are idempotent on the provider's side
// by (job, shard, attempt), payments by their reference, documents that were
// signed once are stored and sent again as they are. After a restart each
// live job is loaded, told that it was resumed, and its outbox is run.
//
// One goroutine owns one job; effects run in goroutines of their own and
// answer through the job's mailbox. What a provider sends is checked here
// (author, attempt, size) before the machine sees it.
//
// A client's node is its own aggregator. A node may also take whole jobs for
// others (delegate.go): then its client is another npub, which pays it on the
// same rail and checks the receipts. What that client owes is written down and
// expected when its job ends (bill.go), whether it comes back or not; its wish to
// cancel, and the end that the job came to, reach the other side over restarts
// (errand.go, unwanted.go).
//
// Beside what one job needs it keeps what makes the next one surer: answers that
// independent providers agreed on, which become canaries (canary.go); the signed
// documents of every dispute, as content (evidence.go); and who is still to be
// shown how the audits of an ended job were drawn (disclose.go). Nothing that it
// sends tells a provider what an attempt is for before it has shown its result.
//
// What it refuses to do: pay without a verdict of ok, ask for a reveal before
// every commit is in, show a result whose bytes were not verified.
package aggregator
