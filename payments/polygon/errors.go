package polygon

import "errors"

var (
	// ErrConfig is returned by Config.Validate and New.
	ErrConfig = errors.New("polygon rail: bad configuration")
	// ErrTerms is returned when a payee is paid on another network or contract,
	// or names no address. Nothing is charged.
	ErrTerms = errors.New("payee's terms do not fit")
	// ErrNoRoom is returned when no channel to the payee has room for what is
	// owed. The debt stays, Run or Fund makes room.
	ErrNoRoom = errors.New("no channel with room")
	// ErrDeposit is returned when a deposit would lock more than Config allows
	// or the wallet holds. Nothing is charged.
	ErrDeposit = errors.New("deposit not possible")
	// ErrRefused is returned when the payee did not take a voucher.
	ErrRefused = errors.New("voucher refused")
	// ErrLate is returned by Expect for a peer that owes for longer than it may
	// or whose channel is being closed.
	ErrLate = errors.New("peer is late to pay")
	// ErrNoChannel is returned for a channel this node has no record of.
	ErrNoChannel = errors.New("no such channel")
	// ErrBooks is returned by Check when records, notes and journal do not add
	// up: the store was damaged or written by something else.
	ErrBooks = errors.New("channel record does not match its journal")
	// ErrState is returned when a channel's state does not permit the call.
	ErrState = errors.New("channel state does not permit this")
)

// The codes of wire.Error with which a payee answers a voucher or a close.
const (
	// CodeForeign: another rail, network or contract.
	CodeForeign = "foreign"
	// CodeStale: not above what was accepted or redeemed before.
	CodeStale = "stale"
	// CodeBusy: nothing was decided; to be sent again later.
	CodeBusy = "busy"
	// CodeNoChannel: not in a finalised block yet, or never.
	CodeNoChannel = "no_channel"
	// CodeBadChannel: the channel is not one this payee takes from this peer.
	CodeBadChannel = "bad_channel"
	// CodeClosing: its close was started; no voucher is taken any more.
	CodeClosing = "closing"
	// CodeOverDeposit: above the finalised deposit.
	CodeOverDeposit = "over_deposit"
	// CodeBadVoucher: the signature is not that of the channel's signer.
	CodeBadVoucher = "bad_voucher"
	// CodeOwing: a close is not agreed to while more is owed than is given on
	// credit without the channel.
	CodeOwing = "owing"
	// CodeDiverged: total or root is not what the payee's notes add up to.
	CodeDiverged = "diverged"
)
