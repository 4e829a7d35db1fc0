package api

import "encoding/json"

// Balance is how this node stands with one peer on one rail. All numbers are in
// Unit.
type Balance struct {
	Rail     string `json:"rail"`
	Peer     string `json:"peer,omitempty"` // npub; "" for the rail's total
	Unit     string `json:"unit"`
	Paid     uint64 `json:"paid"`     // by us to the peer, ever, as both signed it
	Received uint64 `json:"received"` // by us from the peer, ever
	Held     uint64 `json:"held"`     // promised to work not verified yet
	Unknown  uint64 `json:"unknown"`  // sent, with an outcome we cannot see yet
	Limit    uint64 `json:"limit"`    // how much the peer may owe before no work is done for it

	Exposure    uint64  `json:"exposure"`     // the peer signed for it and has not made it good: what we can lose
	OurExposure uint64  `json:"our_exposure"` // we paid or locked it and nothing was delivered for it yet
	Owing       uint64  `json:"owing"`        // we signed for it and have not made it good yet
	Available   *uint64 `json:"available,omitempty"`
	Dispute     string  `json:"dispute,omitempty"`
}

// Payment is one entry of the journal.
type Payment struct {
	Ref       string `json:"ref"` // job/shard/attempt
	Rail      string `json:"rail"`
	Direction string `json:"direction"` // out | in
	Peer      string `json:"peer"`
	Amount    Amount `json:"amount"`
	State     string `json:"state"` // quoted held captured released unknown
	Memo      string `json:"memo,omitempty"`
	AtMS      int64  `json:"at_ms"`
}

// PaymentQuery selects entries; what is empty selects all.
type PaymentQuery struct {
	Rail      string `json:"rail,omitempty"`
	Direction string `json:"direction,omitempty"`
	State     string `json:"state,omitempty"`
	Peer      string `json:"peer,omitempty"` // npub
	Job       string `json:"job,omitempty"`  // id, or the beginning of one
	Open      bool   `json:"open,omitempty"` // only what has no outcome yet
	Max       int    `json:"max,omitempty"`  // 0: 1000
}

// PaymentDetail is one entry with all that shows what became of it.
type PaymentDetail struct {
	Payment
	Reason  string          `json:"reason,omitempty"`
	Tries   uint32          `json:"tries"`
	Created int64           `json:"created_ms"`
	Steps   []PaymentStep   `json:"steps"`
	Doc     json.RawMessage `json:"doc,omitempty"`    // the promise, as signed
	Answer  json.RawMessage `json:"answer,omitempty"` // the other side's answer, as signed
	Receipt string          `json:"receipt,omitempty"`
	Alike   []Payment       `json:"alike,omitempty"` // others under the same ref, of other peers
}

// PaymentStep is one change of a payment's state.
type PaymentStep struct {
	AtMS  int64  `json:"at_ms"`
	State string `json:"state"`
	Why   string `json:"why,omitempty"`
}

// Reconciled is what a comparison of journal, rail and receipts found.
type Reconciled struct {
	Rail        string       `json:"rail"`
	Entries     int          `json:"entries"`
	TookMS      int64        `json:"took_ms"`
	Differences []Difference `json:"differences"`
	Error       string       `json:"error,omitempty"` // the rail could not be asked
}

// Difference is one thing that they do not agree on.
type Difference struct {
	Ref     string `json:"ref,omitempty"`
	Peer    string `json:"peer,omitempty"`
	Kind    string `json:"kind"`
	What    string `json:"what"`
	Certain string `json:"certain"`
	Doing   string `json:"doing"`
	Amount  Amount `json:"amount"`
	Mended  bool   `json:"mended"`
}

// Earning is what came in and went out under one heading.
type Earning struct {
	Key    string `json:"key"` // job, npub or day
	Rail   string `json:"rail"`
	Unit   string `json:"unit"`
	Earned uint64 `json:"earned"`
	Spent  uint64 `json:"spent"`
	Count  int    `json:"payments"`
}

// States of a Wallet. On one that is not ready nothing new is agreed.
const (
	WalletStarting = "starting" // not looked at yet
	WalletReady    = "ready"    // it answered
	WalletAway     = "away"     // it does not answer, or is locked; it is tried again
	WalletBroken   = "broken"   // somebody must mend it; it is tried again, too
)

// Wallet is one rail and the money behind it.
type Wallet struct {
	Rail      string `json:"rail"`
	Unit      string `json:"unit"`
	Connected bool   `json:"connected"`        // there is money behind it; credit needs none
	State     string `json:"state"`            // one of Wallet's states
	Driver    string `json:"driver,omitempty"` // lnd, nwc, key file, clef
	Network   string `json:"network,omitempty"`
	Account   string `json:"account,omitempty"` // node id of Lightning, or address
	Note      string `json:"note,omitempty"`    // what its owner should know now
	Advice    string `json:"advice,omitempty"`  // what would be safer; worth saying once

	SinceMS int64  `json:"since_ms,omitempty"` // when State began
	Problem string `json:"problem,omitempty"`  // why it is not ready
	Hint    string `json:"hint,omitempty"`     // and what to do
	NextMS  int64  `json:"next_ms,omitempty"`  // when it is tried again

	// SafeUntilMS is until when what is promised on a chain and not fetched yet
	// cannot be lost although this node stands still.
	SafeUntilMS int64 `json:"safe_until_ms,omitempty"`

	Spendable  Amount `json:"spendable"`  // could be paid at once
	Receivable Amount `json:"receivable"` // could come in at once; zero where that has no bound
	Locked     Amount `json:"locked"`     // in channels or holds, not free
	OnChain    Amount `json:"on_chain"`

	PerDay    Amount `json:"per_day"`    // the spending ceiling of a day; zero: nothing is spent
	LeftToday Amount `json:"left_today"` // what it still allows

	Exposure    Amount `json:"exposure"`     // peers signed for it and have not made it good
	OurExposure Amount `json:"our_exposure"` // locked or paid ahead with peers
	Owing       Amount `json:"owing"`        // signed for by us, to be made good
}

// ConnectRequest puts money behind a rail. Paths are of files that the node
// reads; their content is checked before anything is kept.
type ConnectRequest struct {
	Rail   string `json:"rail"`    // lightning | polygon
	PerDay string `json:"per_day"` // ceiling, such as "5000 sat"; "": receive only

	LND      string `json:"lnd,omitempty"` // host:port
	Macaroon string `json:"macaroon,omitempty"`
	TLS      string `json:"tls,omitempty"`
	NWC      string `json:"nwc,omitempty"` // nostr+walletconnect://…

	Network  string   `json:"network,omitempty"` // polygon, amoy or local
	RPC      []string `json:"rpc,omitempty"`
	Key      string   `json:"key,omitempty"`      // of the address that pays for channels
	Clef     string   `json:"clef,omitempty"`     // instead of key: a remote signer
	Address  string   `json:"address,omitempty"`  // with clef: which account
	Contract string   `json:"contract,omitempty"` // of the channels
	Token    string   `json:"token,omitempty"`    // USDC, where the network has none of its own
	Deposit  string   `json:"deposit,omitempty"`  // of a channel opened by itself, such as "2 USDC"
	Password string   `json:"password,omitempty"` // of an encrypted key
	// CoinPrice is what a whole coin of the chain costs, such as "0.3 USDC": it
	// prices gas beside what is redeemed; "": the network's default.
	CoinPrice string `json:"coin_price,omitempty"`
}

// MoneyChannel is a channel that money is paid through.
type MoneyChannel struct {
	Rail     string `json:"rail"`
	ID       string `json:"id"`
	Peer     string `json:"peer"`     // npub where it is known, else the rail's own name
	Role     string `json:"role"`     // payer | payee | both
	State    string `json:"state"`    // opening open closing closed …
	Capacity Amount `json:"capacity"` // all that is in it
	Spent    Amount `json:"spent"`    // promised to the other side so far; of Lightning not known, and without a unit
	Left     Amount `json:"left"`     // what we could still pay, or take out
	CloseMS  int64  `json:"close_ms"` // when a close that was begun may be finished; 0: none
	Redeemed Amount `json:"redeemed"` // taken out by the payee already
	// SafeUntilMS is until when what is promised to us and not taken out cannot be
	// lost although this node stands still; 0: nothing is.
	SafeUntilMS int64  `json:"safe_until_ms,omitempty"`
	Detail      string `json:"detail,omitempty"`
}

// OpenRequest opens a channel to a peer or a node of the rail.
type OpenRequest struct {
	Rail   string `json:"rail"`
	Peer   string `json:"peer"`   // npub; of lightning also pubkey@host:port
	Amount string `json:"amount"` // "20000 sat", "2 USDC"
}

// TopUpRequest adds to a channel.
type TopUpRequest struct {
	Rail    string `json:"rail"`
	Channel string `json:"channel"`
	Amount  string `json:"amount"`
}

// CloseRequest closes a channel: by agreement, or, forced, alone.
type CloseRequest struct {
	Rail    string `json:"rail"`
	Channel string `json:"channel"`
	Force   bool   `json:"force,omitempty"`
}

// Movement is money that moved, or was locked, on a rail itself: what the
// payments of many shards come to.
type Movement struct {
	AtMS   int64  `json:"at_ms"`
	Rail   string `json:"rail"`
	Kind   string `json:"kind"` // settlement, hold, or what was done on a chain: open, topup, redeem, refund …
	Ref    string `json:"ref"`
	Peer   string `json:"peer,omitempty"`
	Out    bool   `json:"out"`
	Amount Amount `json:"amount"`
	State  string `json:"state"`
	Memo   string `json:"memo,omitempty"`
}
