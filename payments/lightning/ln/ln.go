package ln

import (
	"context"
	"time"
)

// SafetyBlocks is how many blocks before the expiry of held HTLCs lnd gives
// them back by itself, so that the channel is not force-closed over them (lnd's
// holdexpirydelta). Who settles later than that races against it.
const SafetyBlocks = 18

// Node is a Lightning node with a wallet. All methods may be called at the same
// time; all give up when ctx ends. A call that the node or the rights given to
// us do not allow returns ErrUnsupported or ErrDenied and changes nothing.
type Node interface {
	Viewer
	Receiver
	Sender
	Opener
}

// Viewer tells what the wallet is and has.
type Viewer interface {
	// Info says which node this is and what can be asked of it.
	Info(ctx context.Context) (Info, error)
	// Balance is what is there now.
	Balance(ctx context.Context) (Balance, error)
	// Channels lists open channels and those being opened or closed.
	Channels(ctx context.Context) ([]Channel, error)
}

// Receiver takes payments in.
type Receiver interface {
	// CreateInvoice makes an ordinary invoice, whose preimage the node draws.
	CreateInvoice(ctx context.Context, spec InvoiceSpec) (Invoice, error)
	// CreateHold makes an invoice on a hash whose preimage the node does not
	// know: its HTLCs are held until Settle, Cancel or SafetyBlocks before their
	// expiry. A hash that has an invoice already is ErrExists.
	CreateHold(ctx context.Context, spec HoldSpec) (Invoice, error)
	// Settle takes the HTLCs held for the invoice on preimage.Hash(). Settled
	// already is no error. ErrNotFound where no invoice has that hash, which is
	// what a wrong preimage looks like; ErrNotAccepted while nothing is held;
	// ErrCanceled when it was given back.
	Settle(ctx context.Context, preimage Preimage) error
	// Cancel gives back what is held for the invoice on hash and lets nobody pay
	// it any more. Cancelled already is no error. ErrNotFound; ErrSettled.
	Cancel(ctx context.Context, hash Hash) error
	// Lookup tells the state of the invoice on hash, or ErrNotFound.
	Lookup(ctx context.Context, hash Hash) (InvoiceState, error)
	// Subscribe calls changed with the state of the invoice on hash, first with
	// the present one, until a terminal state (nil) or until ctx ends or the
	// connection breaks (an error). It is a hint to look up sooner, no more:
	// states may be told twice or be skipped.
	Subscribe(ctx context.Context, hash Hash, changed func(InvoiceState)) error
}

// Sender pays.
type Sender interface {
	// Pay pays an invoice, at most once for its hash: an invoice that this node
	// has paid is told as paid again, one on its way is waited for, one that
	// failed is tried anew. It returns
	//
	//	nil            State Succeeded, with Preimage and FeeMsat; or, where
	//	               spec.Hold, State InFlight: locked in an HTLC
	//	ErrInFlight    not known: it may be paid yet. Track tells, later
	//	ErrFailed      certain: nothing was paid, nothing is on its way.
	//	               Payment.Reason says why
	//	other          certain: this call sent nothing
	Pay(ctx context.Context, spec PaySpec) (Payment, error)
	// Track tells what became of the payment for hash. ErrNotFound: this node
	// never tried, which is as certain as ErrFailed after a Pay that has returned;
	// or it is a wallet that forgets.
	Track(ctx context.Context, hash Hash) (Payment, error)
}

// Opener moves coins between chain and channels.
type Opener interface {
	// OpenChannel funds a channel from the wallet's coins on chain and returns
	// when its funding transaction was sent; Channels tells when it is open.
	OpenChannel(ctx context.Context, spec OpenSpec) (ChannelPoint, error)
	// CloseChannel asks for the channel's closing, with force without the other
	// side, and returns when the closing transaction was sent.
	CloseChannel(ctx context.Context, point ChannelPoint, force bool) error
	// NewAddress gives a fresh address on chain to send coins to.
	NewAddress(ctx context.Context) (string, error)
}

// Info says which node answers.
type Info struct {
	PubKey  PubKey // the node's identity, which its invoices are signed with
	Alias   string // a name it chose: a stranger's text
	Network string // a word: mainnet, testnet, signet, simnet, regtest
	Version string // of the node's program, where told
	Height  uint32 // of the chain, in blocks; 0 where not told
	Synced  bool   // with the chain; HTLCs are not safe otherwise
	Can     Ability
}

// Balance is what a wallet has, channels in millisatoshi.
type Balance struct {
	LocalMsat  uint64 // ours, in open channels, spendable but for reserves and fees
	RemoteMsat uint64 // the other sides', which is what can be received
	HeldMsat   uint64 // in HTLCs that are on their way, in and out
	OnChainSat uint64 // confirmed coins, in satoshi
}

// Channel is one channel of the node.
type Channel struct {
	Point       ChannelPoint
	Peer        PubKey
	State       ChannelState
	Active      bool // its peer is connected: it can be used now
	Private     bool
	CapacitySat uint64
	LocalMsat   uint64
	RemoteMsat  uint64
	HeldMsat    uint64 // in HTLCs, both directions
	HTLCs       int    // of 483 slots a direction (BOLT 2)
	ReserveMsat uint64 // what we must leave on our side
}

// ChannelState says where a channel is in its life.
type ChannelState string

// The states of a channel.
const (
	ChannelOpening ChannelState = "opening"
	ChannelOpen    ChannelState = "open"
	ChannelClosing ChannelState = "closing"
	ChannelForced  ChannelState = "force closing" // without the other side's consent
)

// InvoiceSpec says what to ask for.
type InvoiceSpec struct {
	AmountMsat      uint64        // above 0
	DescriptionHash Hash          // what the payment is for (BOLT 11 field h)
	Expiry          time.Duration // from now, whole seconds, at least one
	CLTVExpiry      uint32        // blocks left for the last hop; 0: the node's default
}

// HoldSpec says what to lock on whose hash.
type HoldSpec struct {
	InvoiceSpec
	Hash Hash // its preimage is with the payer
}

// Invoice is what a payer is given.
type Invoice struct {
	Bolt11    string
	Hash      Hash
	ExpiresAt time.Time // pay before; in whole seconds
}

// InvoiceState is what the payee's node knows of an invoice.
type InvoiceState struct {
	Hash  Hash
	State State // Open, Accepted, Settled or Canceled
	// Hold is false where it is known that the node drew the preimage. Of an
	// invoice that is over not every driver knows.
	Hold       bool
	AmountMsat uint64
	PaidMsat   uint64   // held or settled
	Preimage   Preimage // once settled
	// ExpiryHeight is the block at which the first of the held HTLCs expires; 0
	// where none is held or the driver cannot tell.
	ExpiryHeight uint32
	ExpiresAt    time.Time // of the invoice, not of what it holds
}

// State is that of an invoice or of a payment.
type State string

// The states of invoices (the first four) and payments (the others).
const (
	Open      State = "open"
	Accepted  State = "accepted" // held, not ours yet
	Settled   State = "settled"
	Canceled  State = "canceled"
	InFlight  State = "in flight" // HTLCs are out
	Succeeded State = "succeeded"
	Failed    State = "failed"
)

// Final reports whether nothing changes any more, but for a failed payment that
// is tried anew.
func (s State) Final() bool {
	return s == Settled || s == Canceled || s == Succeeded || s == Failed
}

// PaySpec says what to pay at most for what.
type PaySpec struct {
	Bolt11       string        // with an amount; without one it is refused
	FeeLimitMsat uint64        // for routing; 0: a direct channel only
	Timeout      time.Duration // for finding a way; what is on its way by then is ErrInFlight
	CLTVLimit    uint32        // blocks that the money may be locked at most; 0: the node's default
	// Hold says that the invoice holds: Pay returns once the money is locked in
	// an HTLC, which may still fail, and uses one HTLC only.
	Hold bool
}

// Payment is what the payer's node knows of a payment.
type Payment struct {
	Hash       Hash
	State      State // InFlight, Succeeded or Failed
	AmountMsat uint64
	FeeMsat    uint64   // paid; 0 where not final
	Preimage   Preimage // of one that succeeded: proof, where the payee drew it
	Reason     Reason   // of one that failed
	// ExpiryHeight is the block at which the last of the HTLCs in flight is ours
	// again whatever others do; 0 where none is or the driver cannot tell.
	ExpiryHeight uint32
	// Unsent: in flight by the node's own word, while no channel of its holds an
	// HTLC for it and those that it chose are in use. It is so for a moment with
	// every payment, and for ever with one whose node died between choosing a way
	// and taking it: lnd neither sends such a payment again nor ends it (its issue
	// 9340). False where the driver cannot tell.
	Unsent bool
}

// Reason says why a payment failed, in a word or two.
type Reason string

// The reasons that drivers tell. What a wallet says beyond them is ReasonError.
const (
	ReasonTimeout      Reason = "timeout"              // no way was found in time
	ReasonNoRoute      Reason = "no route"             // within the limits for fee and blocks
	ReasonBalance      Reason = "insufficient balance" // in our channels
	ReasonRefused      Reason = "refused by payee"     // hold given back, invoice unknown, cancelled, expired
	ReasonError        Reason = "error"
	ReasonCanceledByUs Reason = "canceled" // by the payer's own node or its owner
)

// OpenSpec says which channel to open.
type OpenSpec struct {
	Peer        PubKey
	Address     string // host:port to reach it at; empty: connected already
	CapacitySat uint64
	PushSat     uint64 // given to the other side
	Private     bool
}
