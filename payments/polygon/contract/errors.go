package contract

import "errors"

var (
	// ErrAmount is returned for an amount of nothing, or of more than MaxAmount.
	ErrAmount = errors.New("no amount that a channel can hold")
	// ErrConfig is returned for a channel that the contract would refuse to open.
	ErrConfig = errors.New("no channel that the contract would open")
	// ErrSignature is returned for a signature that is malformed, malleable or
	// somebody else's.
	ErrSignature = errors.New("bad signature")
	// ErrSyntax is returned for text that is not a channel id or signature.
	ErrSyntax = errors.New("malformed")
	// ErrBatch is returned for a batch of no or too many vouchers.
	ErrBatch = errors.New("no batch that can be redeemed")
	// ErrAnswer is returned when a node's answer is not what the contract can
	// have said.
	ErrAnswer = errors.New("answer that the contract cannot have given")
	// ErrForeign is returned for a log or code that is not the contract's.
	ErrForeign = errors.New("not of this contract")
)
