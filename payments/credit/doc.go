// Package credit is the rail of bilateral mutual credit: two nodes owe each
// other, up to a limit each sets for the other, and sign for every step. No
// third party and no money elsewhere is involved.
//
// From a payer to a payee runs a channel of notes, numbered from 1, each
// carrying the total promised so far. The payer signs the next note and writes
// it down before sending it; the payee answers each number once, for ever: by a
// countersignature, which is the charge, or by a signed refusal, which uses the
// number up and moves nothing. One note is in flight on a channel at a time. A
// payer that saw no answer sends the very same note again and is given the very
// same answer; freshness is not asked of notes, because they are evidence, but
// author, payee, channel, number and total are.
//
// What a payee checks, in this order, and what it answers:
//
//	number decided, same note     the answer given then
//	number decided, other note    diverged
//	number not the next           diverged
//	total not last + amount       diverged
//	ref not expected, or waived   not_expected  (decides the number)
//	amount not the expected one   wrong_amount  (decides the number)
//	balance over the limit        over_limit    (decides the number)
//	ref captured by another note  diverged
//	none of these                 countersignature (decides the number)
//
// After diverged comes the last note the payee accepted, so that both last
// notes can be laid side by side. The rail never repairs a divergence by itself:
// it shows it in Balances and leaves the payment unknown.
//
// It refuses to pay over its ceiling, to expect over its limit, to take a note
// it did not expect, and any unit but payments.Credits. The node calls it, and
// hands it the streams of the pay protocol.
package credit
