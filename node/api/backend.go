package api

import (
	"context"
	"io"
	"net/http"
)

// Backends is what a node gives to its API. All but the last four are needed; a
// role that is off answers with an Error of CodeNotReady.
type Backends struct {
	Node      Node
	Jobs      Jobs
	Results   Results
	Content   Library
	Market    Market
	Money     Money
	Trust     Trust     // nil: what is about trust answers CodeNotReady
	Inference Inference // nil: GET leases answers CodeNotReady
	Bench     Bench     // nil: POST bench answers CodeNotReady
	Face      Face      // nil: only the node's own paths are served
}

// Inference is what the node holds with providers that serve models.
type Inference interface {
	// Leases returns those that are open and those closed lately, newest first.
	Leases(ctx context.Context) ([]Lease, error)
	// LeaseReceipts returns the receipts of a lease's windows, whichever side
	// of it this node was. Ids of leases that it pays for may be shortened.
	LeaseReceipts(ctx context.Context, id string) ([]Receipt, error)
	// LeaseEvidence returns what was found about the provider of a lease;
	// CodeNotFound when nothing was.
	LeaseEvidence(ctx context.Context, id string) (LeaseEvidence, error)
	// Replay has an answer replayed by somebody who serves the model, drawn at
	// random. Failures of the model's own path are *openai.Error.
	Replay(ctx context.Context, q ReplayQuery) (Replayed, error)
	// Audits tells what the replays of answers came to since the start.
	Audits(ctx context.Context) (Audits, error)
}

// Face speaks to the clients of other programs in their own languages, behind
// the same guard. None of its paths is one of the node's own.
type Face interface {
	// Routes adds its paths.
	Routes(mux *http.ServeMux)
	// Refuse answers a request to one of its paths that the guard did not let
	// through, in the shape of that path. It returns false, and has written
	// nothing, for paths of others.
	Refuse(w http.ResponseWriter, r *http.Request, status int, message string) bool
	// Live is how much is still to be done for requests that were answered
	// already (batches). A node with something live does not leave as idle.
	Live() int
}

// Node tells how the node is and ends it.
type Node interface {
	Status(ctx context.Context) (Status, error)
	Peers(ctx context.Context) ([]Peer, error)
	// Stop begins a clean shutdown and returns at once.
	Stop(ctx context.Context) error
}

// Jobs is the life of jobs. Unknown ids answer CodeNotFound; ids may be
// shortened as long as one job fits.
type Jobs interface {
	// Submit checks the description, stores the job and returns before any
	// work is done. A faulty description answers CodeInvalidSpec with Problems.
	Submit(ctx context.Context, req SubmitRequest) (Job, error)
	// List returns all jobs, newest first.
	List(ctx context.Context) ([]Job, error)
	Get(ctx context.Context, id string) (Job, error)
	// Cancel asks for the end; a job that has ended already is returned as it is.
	Cancel(ctx context.Context, id, reason string) (Job, error)
	Explain(ctx context.Context, id string) (Explanation, error)
	// Events calls fn for each event, one at a time, oldest first, and returns
	// nil after EventEnd, or when what is known was sent and q.Follow is not
	// set. It returns fn's error, or ctx's, as soon as there is one.
	Events(ctx context.Context, id string, q EventQuery, fn func(Event) error) error
}

// Results is what is left of jobs that have ended.
type Results interface {
	// Export writes the merged result to dest, a file or a folder, which must
	// not exist. CodeConflict when the job has no result.
	Export(ctx context.Context, id, dest string) (JobResult, error)
	Receipts(ctx context.Context, id string) ([]Receipt, error)
}

// Library is the content store as its owner sees it. A ref is a CID, a name
// or, of an image, a digest.
type Library interface {
	// Add takes something in. A name that stands for something else answers
	// CodeConflict; a full quota CodeQuotaFull.
	Add(ctx context.Context, kind ContentKind, req AddRequest) (Content, error)
	// List tells what stands on a shelf; on that of data, all that is here,
	// each once, with its kind and names.
	List(ctx context.Context, kind ContentKind) ([]Content, error)
	// Get makes sure the node has the content whole and verified, and writes a
	// copy when req.Dest is set, whose path is then Content.Path.
	Get(ctx context.Context, kind ContentKind, req GetRequest) (Content, error)
	// WriteCAR writes what is here as a CAR of version 1.
	WriteCAR(ctx context.Context, ref string, w io.Writer) error
	Pin(ctx context.Context, kind ContentKind, ref string, pinned bool) (Content, error)
	// Share says whether anyone may fetch it from this node. What jobs grant
	// to single peers is apart from it.
	Share(ctx context.Context, kind ContentKind, ref string, shared bool) (Content, error)
	GC(ctx context.Context, kind ContentKind, req GCRequest) (GCReport, error)
	// Verify reads content again, all of it with no ref, and goes on after
	// what is bad.
	Verify(ctx context.Context, kind ContentKind, req VerifyRequest) (VerifyReport, error)
	// Traffic tells what was served and fetched.
	Traffic(ctx context.Context) (TrafficReport, error)
	// Mirror tells where container tools pull; CodeNotReady when it is off.
	Mirror(ctx context.Context) (Mirror, error)
	// Show describes a model by its name or CID, with its chat template's text
	// where that is asked for.
	Show(ctx context.Context, ref string, template bool) (Content, error)
	// Alias makes one more name for what a name or a CID stands for.
	Alias(ctx context.Context, kind ContentKind, req AliasRequest) (Content, error)
	// Remove takes a name away; content without names and pins goes at the
	// next collection.
	Remove(ctx context.Context, kind ContentKind, name string) (Content, error)
}

// Market is who can be hired and what is known of them.
type Market interface {
	Providers(ctx context.Context, q ProviderQuery) (ProviderList, error)
	// Reputation answers for every npub, with no receipts for a stranger.
	Reputation(ctx context.Context, npub string) (Reputation, error)
}

// Money is balances, the journal, newest entry first, and the wallets behind
// the rails.
type Money interface {
	Balances(ctx context.Context) ([]Balance, error)
	Payments(ctx context.Context, q PaymentQuery) ([]Payment, error)
	// Payment is of ref with that peer, an npub, or with anyone where it is "".
	Payment(ctx context.Context, ref, peer string) (PaymentDetail, error)
	Earnings(ctx context.Context, by string) ([]Earning, error) // by: job, peer or day
	Reconcile(ctx context.Context) ([]Reconciled, error)

	Wallets(ctx context.Context) ([]Wallet, error)
	Connect(ctx context.Context, req ConnectRequest) (Wallet, error)
	Movements(ctx context.Context, rail string) ([]Movement, error)
	Channels(ctx context.Context) ([]MoneyChannel, error)
	Open(ctx context.Context, req OpenRequest) (MoneyChannel, error)
	TopUp(ctx context.Context, req TopUpRequest) (MoneyChannel, error)
	Close(ctx context.Context, req CloseRequest) (MoneyChannel, error)
}
