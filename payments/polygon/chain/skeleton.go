package chain

import (
	"context"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/store"
)

var errSoon = errors.New("chain: not built yet")

// Config says how the chain is read.
type Config struct {
	Profile Profile
	// RPCs are one to three JSON-RPC endpoints over HTTP, of different
	// operators where money counts. What they hold of keys is never shown.
	RPCs []string
	// Quorum is how many have to answer, and alike; 0 is two where there are
	// two or more, else one.
	Quorum int
	// Plain allows HTTP without TLS to other than loopback and private addresses.
	Plain bool
	// Timeout of one call; 0 is 10 s.
	Timeout time.Duration
	// MaxAnswer is the largest answer in bytes; 0 is 4 MiB.
	MaxAnswer int64
	// Transport carries the requests; nil is one of its own.
	Transport http.RoundTripper
	Clock     func() time.Time
	Log       *slog.Logger
}

// Client reads a chain through several endpoints. It is safe for use by many
// goroutines.
type Client struct{}

// Block names one block. BaseFee is in wei a gas.
type Block struct {
	Number  uint64
	Hash    common.Hash
	Parent  common.Hash
	Time    time.Time
	BaseFee uint64
}

// View is what the endpoints say of the chain together.
type View struct {
	// Head is the oldest head and Final the oldest final block among those that
	// answer well.
	Head, Final Block
	At          time.Time
	Endpoints   []Endpoint
}

// Endpoint is how one endpoint does; Name is its host.
type Endpoint struct {
	Name        string
	Head, Final uint64
	Lag         time.Duration
	Err         error
}

// Call is one read of a contract.
type Call struct {
	From, To common.Address
	Data     []byte
}

// LogQuery selects logs of blocks From to To, both included; Topics as in
// eth_getLogs.
type LogQuery struct {
	Address  common.Address
	Topics   [][]common.Hash
	From, To uint64
}

// Fees are what a transaction has to offer now, in wei a gas.
type Fees struct{ Base, Tip uint64 }

// Dial checks cfg and asks each endpoint for its chain id: an endpoint of
// another chain is ErrChainID, too few that answer ErrUnreachable.
func Dial(ctx context.Context, cfg Config) (*Client, error) { return nil, errSoon }

// Close ends the connections.
func (c *Client) Close() {}

// Profile is the network's.
func (c *Client) Profile() Profile { return Profile{} }

// Run looks at the chain every Profile.Poll, for Last, until ctx is done.
func (c *Client) Run(ctx context.Context) error { return errSoon }

// View asks all endpoints now. With an error the View still tells of each.
// Errors: ErrUnreachable, ErrStale, ErrDisagree, ErrChainID.
func (c *Client) View(ctx context.Context) (View, error) { return View{}, errSoon }

// Last is the newest View without asking anyone, or why there is none to rely
// on: the gate before serving. A View older than the lag allowed is ErrStale.
func (c *Client) Last() (View, error) { return View{}, errSoon }

// CallFinal makes the calls at one final block, the same answers from all
// endpoints. A call that reverts is ErrReverted.
func (c *Client) CallFinal(ctx context.Context, calls ...Call) ([][]byte, Block, error) {
	return nil, Block{}, errSoon
}

// Try makes the call at the newest block: a simulation, no truth. A call that
// reverts at every endpoint is ErrReverted, with the contract's error data in
// *RevertError.
func (c *Client) Try(ctx context.Context, call Call) ([]byte, error) { return nil, errSoon }

// RevertError carries the ABI encoded error of a call; it is ErrReverted.
type RevertError struct {
	Data   []byte
	Reason string
}

func (e *RevertError) Error() string        { return "chain: reverted" }
func (e *RevertError) Is(target error) bool { return target == ErrReverted }

// CodeHash is the keccak256 of the code at the final block, or ErrNoCode.
func (c *Client) CodeHash(ctx context.Context, at common.Address) (common.Hash, error) {
	return common.Hash{}, errSoon
}

// Balance is an account's in wei at the final block.
func (c *Client) Balance(ctx context.Context, of common.Address) (*big.Int, error) {
	return nil, errSoon
}

// Logs returns the logs that all endpoints agree on, in order, for blocks that
// are final; ranges are cut to what endpoints take.
func (c *Client) Logs(ctx context.Context, q LogQuery) ([]types.Log, error) { return nil, errSoon }

// Fees are what is asked now.
func (c *Client) Fees(ctx context.Context) (Fees, error) { return Fees{}, errSoon }

// KeySigner signs with a key held in memory.
type KeySigner struct{}

// OpenKey reads a key file: 64 hex digits, or a keystore of version 3 that
// passphrase opens (called only for one). The file must be the owner's alone;
// a key that is one of notThese (the node's) is ErrNodeKey.
func OpenKey(path string, passphrase func() (string, error), notThese ...identity.PubKey) (*KeySigner, error) {
	return nil, errSoon
}

// CreateKey draws a key and writes it to a new file of mode 0600 as hex.
func CreateKey(path string) (*KeySigner, error) { return nil, errSoon }

// NewKeySigner signs with a 32 byte secret.
func NewKeySigner(secret []byte) (*KeySigner, error) { return nil, errSoon }

func (k *KeySigner) Address() common.Address { return common.Address{} }
func (k *KeySigner) SignTx(ctx context.Context, tx *types.Transaction, chainID *big.Int) (*types.Transaction, error) {
	return nil, errSoon
}
func (k *KeySigner) SignTyped(ctx context.Context, data apitypes.TypedData) ([65]byte, error) {
	return [65]byte{}, errSoon
}

// Clef signs through Clef's external API.
type Clef struct{}

// DialClef connects to Clef at a path (IPC) or a http URL and checks that it
// holds the account.
func DialClef(ctx context.Context, at string, account common.Address) (*Clef, error) {
	return nil, errSoon
}

// Budget is the ceiling on gas, in gwei; *ceiling.Daily is one. Take is called
// in the transaction that gives an Op its nonce, before anything is signed.
type Budget interface {
	Take(tx store.Txn, ref string, gwei uint64) error
	Return(tx store.Txn, ref string) error
}

// SenderConfig says how transactions are sent; zero fields take the default in
// brackets.
type SenderConfig struct {
	MaxFee      uint64        // wei a gas, tip included [Profile.MaxFee]
	MaxGas      uint64        // gas limit of one Op [5,000,000]
	BumpEvery   time.Duration // [30 s]
	SignTimeout time.Duration // [2 min: a person may have to nod at the remote signer]
	MaxPending  int           // Ops with a nonce at once [16]
}

// Sender sends the Ops of one account, one nonce after the other.
type Sender struct{}

// NewSender journals in s. budget must be there: nothing is spent without.
func NewSender(cfg SenderConfig, c *Client, signer Signer, s store.Store, budget Budget, clock func() time.Time, log *slog.Logger) (*Sender, error) {
	return nil, errSoon
}

// Put journals op in the caller's transaction, so that the caller's own state
// and the Op are there together; Run sends it. The same op under the same ref
// again changes nothing; another is ErrOtherOp.
func (s *Sender) Put(tx store.Txn, op Op) error { return errSoon }

// Send is Put in a transaction of its own, followed by Wake.
func (s *Sender) Send(ctx context.Context, op Op) error { return errSoon }

// Wake has Run look at once.
func (s *Sender) Wake() {}

// Status returns what is known of ref, or ErrNoOp.
func (s *Sender) Status(ref string) (Sent, error) { return Sent{}, errSoon }

// Open lists the Ops that are not done.
func (s *Sender) Open() ([]Sent, error) { return nil, errSoon }

// List lists the Ops whose ref begins with prefix, by ref.
func (s *Sender) List(prefix string) ([]Sent, error) { return nil, errSoon }

// Cancel gives up an Op that has no nonce yet; else ErrUnderway.
func (s *Sender) Cancel(ref, why string) error { return errSoon }

// Wait returns when ref is done, with its state (Failed is no error), or when
// ctx is.
func (s *Sender) Wait(ctx context.Context, ref string) (Sent, error) { return Sent{}, errSoon }

// Step looks at the chain once and does all that is to be done now: what Run
// does every Profile.Poll, and what a reconciler calls.
func (s *Sender) Step(ctx context.Context) error { return errSoon }

// Run steps until ctx is done.
func (s *Sender) Run(ctx context.Context) error { return errSoon }

// Handler takes a watcher's findings.
type Handler interface {
	// Final is given each log of a final block once, in order, in the
	// transaction that moves the cursor.
	Final(tx store.Txn, logs []types.Log) error
	// Undo says that blocks above this one, given by Final, were replaced after
	// all: they are given anew. It does not happen on a chain that keeps its
	// word.
	Undo(tx store.Txn, above uint64) error
	// Fresh is given all logs of blocks not final yet, at each look where they
	// differ from before: what is gone from it never happened. A hint, not a
	// truth, and it must not block.
	Fresh(logs []types.Log)
}

// WatchConfig says what is watched.
type WatchConfig struct {
	// Name keeps the cursors of several watchers apart.
	Name     string
	Contract common.Address
	Topics   [][]common.Hash
	// Start is the first block of interest: the contract's own.
	Start uint64
}

// Watcher follows a contract's events.
type Watcher struct{}

// NewWatcher keeps its cursor in s.
func NewWatcher(cfg WatchConfig, c *Client, s store.Store, h Handler, log *slog.Logger) (*Watcher, error) {
	return nil, errSoon
}

// Step catches up to the final block, and returns it.
func (w *Watcher) Step(ctx context.Context) (Block, error) { return Block{}, errSoon }

// Run steps every Profile.Poll until ctx is done.
func (w *Watcher) Run(ctx context.Context) error { return errSoon }
