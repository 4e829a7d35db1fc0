// Package polygon is the rail of USDC in a unidirectional payment channel: what
// two nodes owe each other by countersigned notes (payments/account) is made
// good at once by vouchers, which the payee redeems on the chain when that is
// worth its gas.
//
// # Life of a channel
//
// The payer locks a deposit in the contract for one payee. From then on a
// voucher, signed by a key that is neither the node's nor the wallet's, says
// how much of the deposit is the payee's in total: a later voucher replaces an
// earlier one, so one alone is kept. Both sides keep a record of the channel;
// the columns say who moves it and what must have happened before.
//
//	payer     opening   written down before the deposit is sent
//	          open      the deposit is final on the chain; vouchers are signed
//	          stopped   the payee signs for no more, or the payer closes
//	          closing   the delay of the contract runs
//	          closed    what was left has come back; terminal
//	          failed    the deposit never got onto the chain; terminal
//	payee     open      it was introduced, or a voucher was accepted
//	          closing   a close was seen: no new work, redeem at once
//	          closed    the contract holds nothing more of it; terminal
//
// # Messages
//
// All travel on the stream of the pay protocol and are signed by the nodes:
//
//	PayTermsAsk -> PayTerms      the address, contract, credit and totals of the payee;
//	                             with a channel: it is introduced, or Error
//	Voucher     -> Countersign   accepted; or Error with one of the codes below
//	Release     -> Voucher       "close/0x…": the payee signs the close at its last voucher
//
// # What a channel counts for
//
// A payee lets a peer owe its limit, which begins small, and beside it what lies
// in open channels of that peer to it and no voucher promises, up to
// Config.MaxCover. For that the payer introduces the channel as soon as its
// deposit is final, with a proof by the channel's signer that names both nodes;
// the payee looks the deposit up at a finalised block, and again before it takes
// work. At every acceptance
//
//	owed + expected <= limit + min(MaxCover, deposits - vouchers)
//
// holds for a peer, however many payments stand in "expected". What is covered
// is no promise: a payer that will not sign has it back after the delay, so
// limit and MaxCover together are what a payee can lose to one peer. It has it back
// no sooner: a payee signs no close while that would leave the inequality untrue.
// A close that was seen, even in a block that is not final, ends the cover at once;
// work that was accepted before can still be paid.
//
// # What a payee asks of a voucher
//
// In this order; the first that fails is the answer:
//
//	another rail, network or contract             foreign
//	same as the last accepted                     Countersign, nothing changes
//	not above what is accepted or was redeemed    stale
//	the endpoints lag or disagree                 busy
//	no such channel at a finalised block          no_channel
//	to another address, or a delay too short      bad_channel
//	bound to another peer                         bad_channel
//	a close was started                           closing
//	above the finalised deposit                   over_deposit
//	not signed by the channel's signer            bad_voucher
//	total or root is not that of the notes        diverged
//	none of these                                 Countersign
//
// Total is what the voucher makes good of the account of notes, and grows by
// exactly what the voucher grows; so a voucher of another account, another
// channel, an older one or one twice moves nothing.
//
// # Journal
//
// Beside the notes' own entries there are, in the same journal,
//
//	settle/CHANNEL/CUMULATIVE  a voucher: held when written down, captured when
//	                           countersigned or redeemed, unknown while in doubt,
//	                           released when the channel ended without it
//	chain/open/CHANNEL/N       a deposit: held before it is sent, captured when
//	chain/topup/CHANNEL/N      final, released when it certainly did nothing
//	chain/redeem/CHANNEL/SUM   paid out to us, up to that sum of the channel
//	chain/refund/CHANNEL/1     the rest of a channel of ours that came back
//
// What a voucher adds is taken from the day's ceiling in the transaction that
// writes it down; a deposit is bounded by Config.MaxLocked, because it comes back.
//
// # Crash points
//
// Everything is written before it is done and looked up before it is done
// again. What may be cut off, and what the next look at the records does:
//
//	voucher written, not sent or not answered     the same one is sent again
//	voucher accepted, answer lost                 the same one gets the same answer
//	operation written, not given to the sender    given to it under the same name
//	operation sent, not final                     waited for
//	operation final, not entered                  the state of the chain is entered
//	operation failed, somebody was quicker        the state of the chain is entered
//	close agreed on, not begun                    begun without the agreement
//
// It refuses to sign a voucher above what its own countersigned notes add up
// to, above a finalised deposit, or without a daily ceiling; to lock more than
// Config allows; to take new work while endpoints lag or disagree, while a
// close is under way, or from a peer that is late. The node calls it.
package polygon
