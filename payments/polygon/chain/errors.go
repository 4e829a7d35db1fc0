package chain

import "errors"

var (
	// ErrConfig says that a configuration cannot be used.
	ErrConfig = errors.New("chain: bad configuration")
	// ErrUnreachable says that fewer endpoints answered than the quorum.
	ErrUnreachable = errors.New("chain: too few endpoints answer")
	// ErrStale says that too few endpoints know a recent block: what they say
	// is old, or their clock or ours is wrong.
	ErrStale = errors.New("chain: the endpoints lag behind")
	// ErrDisagree says that two endpoints tell different things about the same
	// final block. At least one is wrong; nothing is decided on either.
	ErrDisagree = errors.New("chain: the endpoints disagree")
	// ErrChainID says that an endpoint serves another chain than the profile's.
	ErrChainID = errors.New("chain: another chain")
	// ErrAnswer says that an endpoint's answer is malformed, over its limit, or
	// not an answer to what was asked.
	ErrAnswer = errors.New("chain: bad answer of an endpoint")
	// ErrReverted says that the contract refused a call that was tried.
	ErrReverted = errors.New("chain: the call reverts")
	// ErrNoCode says that there is no contract at an address.
	ErrNoCode = errors.New("chain: no contract at this address")
	// ErrReorg says that a block taken for final is no longer in the chain.
	ErrReorg = errors.New("chain: a final block was replaced")

	// ErrKeyFile says that a key file cannot be read as one.
	ErrKeyFile = errors.New("chain: not a key file")
	// ErrReadableByOthers says that group or others have a right to a key file.
	ErrReadableByOthers = errors.New("chain: key file can be used by others")
	// ErrPassphrase says that a key file needs another passphrase.
	ErrPassphrase = errors.New("chain: wrong or missing passphrase")
	// ErrNodeKey says that a key for money is the node's own.
	ErrNodeKey = errors.New("chain: the node's own key may not hold money")
	// ErrSigner says that a signer refused, did not answer, or signed another
	// thing than it was given.
	ErrSigner = errors.New("chain: the signer did not sign")

	// ErrOp says that an operation cannot be sent as it is.
	ErrOp = errors.New("chain: bad operation")
	// ErrOtherOp says that the ref stands for another operation.
	ErrOtherOp = errors.New("chain: the ref is of another operation")
	// ErrNoOp says that there is no operation under a ref.
	ErrNoOp = errors.New("chain: no such operation")
	// ErrUnderway says that an operation has a nonce and cannot be taken back.
	ErrUnderway = errors.New("chain: the operation is under way")
	// ErrCorrupt says that a stored record cannot be read.
	ErrCorrupt = errors.New("chain: stored record is corrupt")
)
