package payments

import (
	"strings"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// Account is a word for where value is, as in double-entry books: it is debited
// with what comes to it and credited with what leaves it. Every account is kept
// for each peer by itself.
type Account string

// The accounts of Books.
const (
	Owed     Account = "owed"     // debts of the peer to us, those expected among them
	Owing    Account = "owing"    // our debts to the peer, those in flight among them
	Expected Account = "expected" // work accepted and not yet paid for
	Promised Account = "promised" // notes in flight, their outcome not known
	Earned   Account = "earned"   // paid to us for work
	Spent    Account = "spent"    // paid by us for work
	Wallet   Account = "wallet"   // money of ours
	Sending  Account = "sending"  // money on its way, its outcome not known
	Locked   Account = "locked"   // money of ours in holds and channels
	Fees     Account = "fees"     // paid to others for moving money
)

// Of is the account's name with the peer in it: "peer/HEX/owed".
func (a Account) Of(peer identity.PubKey) string { return "peer/" + peer.Hex() + "/" + string(a) }

// Validate returns ErrSyntax unless a is a word as the accounts of Books are.
func (a Account) Validate() error {
	if strings.Contains(string(a), "/") {
		return ErrSyntax
	}
	return Ref(a).Validate()
}

// Position is what an entry means while it is in one state: its amount moved
// from Credit to Debit. Neither is set where it means nothing.
type Position struct{ Debit, Credit Account }

// Rule says what an entry means. What is posted when its state changes is the
// old position undone and the new one done. A rule looks at State, Direction,
// Ref and Secured and is pure: Check asks it again of every entry.
type Rule func(Entry) Position

// Books is the Rule of every rail that brings no other:
//
//	                       out                    in
//	work       quoted      nothing                expected -> owed
//	           in flight   owing -> promised      expected -> owed
//	           captured    owing -> spent         earned -> owed
//	settle/    in flight   wallet -> sending      nothing
//	           captured    wallet -> owing        owed -> wallet
//	hold/      in flight   wallet -> locked       nothing
//	           captured    wallet -> owing        owed -> wallet
//	chain/     in flight   wallet -> sending      nothing
//	           captured    wallet -> locked       locked -> wallet
//
// In flight is held and unknown, of what comes in quoted too. What is released
// means nothing. So the debit of owed is what peers owe, with what is expected;
// the credit of owing what is owed to them, with what is in flight.
func Books(e Entry) Position {
	captured := e.State == StateCaptured
	flight := e.State == StateHeld || e.State == StateUnknown
	if e.Direction == In {
		return booksIn(e, captured, flight || e.State == StateQuoted)
	}
	if !captured && !flight {
		return Position{}
	}
	switch class := e.Ref.Class(); {
	case class == "" && captured:
		return Position{Spent, Owing}
	case class == "":
		return Position{Promised, Owing}
	case class == ClassChain && captured:
		return Position{Locked, Wallet}
	case captured:
		return Position{Owing, Wallet}
	case class == ClassHold:
		return Position{Locked, Wallet}
	}
	return Position{Sending, Wallet}
}

func booksIn(e Entry, captured, open bool) Position {
	switch class := e.Ref.Class(); {
	case class == "" && captured:
		return Position{Owed, Earned}
	case class == "" && open:
		return Position{Owed, Expected}
	case class == ClassChain && captured:
		return Position{Wallet, Locked}
	case captured:
		return Position{Wallet, Owed}
	}
	return Position{}
}

// Posting is an amount moved between two accounts of one peer that follows from
// no entry's state: a fee, a correction by hand.
type Posting struct {
	ID     Ref             `json:"id"` // posting again under it changes nothing
	Peer   identity.PubKey `json:"peer"`
	Debit  Account         `json:"debit"`
	Credit Account         `json:"credit"`
	Amount Amount          `json:"amount"`
	At     time.Time       `json:"at"`
	Why    string          `json:"why"`
}

// Postings returns what the history of an entry moved, oldest first, the ID
// being its ref. Of steps that an entry no longer keeps there is nothing.
func (j *Journal) Postings(e Entry) (out []Posting) {
	before := Position{}
	for _, s := range e.Steps {
		then := e
		then.State = s.State
		now := j.rule(then)
		move := func(p Position) {
			out = append(out, Posting{
				ID: e.Ref, Peer: e.Peer, Debit: p.Debit, Credit: p.Credit, Amount: e.Amount, At: s.At, Why: string(s.State) + ": " + s.Reason,
			})
		}
		if now == before {
			continue
		}
		if before != (Position{}) {
			move(Position{before.Credit, before.Debit})
		}
		if now != (Position{}) {
			move(now)
		}
		before = now
	}
	return out
}
