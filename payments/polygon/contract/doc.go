// Package contract is InfernetChannels, the payment channel contract, seen from
// Go: its bytecode and interface, what is signed for it, the data of the calls
// to it and the events of it.
//
// A payer locks tokens for one payee (Open), its signer signs vouchers, each
// for the total promised so far, and the payee redeems the last one whenever it
// likes (Redeem, RedeemMany). The payer takes back the rest in two steps with a
// delay between them, in which the payee can still redeem (StartClose,
// FinishClose), or at once when both sides sign (CloseCooperative). The
// contract has no owner, no pause and no upgrade, knows one token, and a closed
// channel's id is never free again, so that no old voucher comes back to life.
//
// What went wrong in contracts of the same shape, and what keeps it out here:
//
//	a voucher reserves nothing       redeeming stays possible until the moment
//	against a timed withdrawal       of FinishClose, by anyone on the payee's
//	                                 behalf; CloseStarted names the time, and a
//	                                 second StartClose or a top-up moves it by
//	                                 nothing
//	vouchers taken too near the      State tells of a close under way; the delay
//	deadline                         is part of the channel's id and has a floor
//	one bad row stops a batch        RedeemMany skips bad rows and says so; a
//	                                 batch has one payee, so that a payee whom
//	                                 the token refuses harms nobody else
//	claim and payout race for a      redeeming pays in the same transaction
//	nonce
//	an unconfirmed deposit counted   State takes the block to look at: finalised
//
// The package sends nothing, keeps nothing and trusts no node with more than
// the answers to single calls. It refuses amounts that no channel can hold and
// signatures that are not 65 bytes with a low s. Package payments/polygon and
// package payments/polygon/chain call it.
package contract
