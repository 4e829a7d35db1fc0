// Package account is what every rail does between two nodes: each owes the
// other, up to a limit each sets for the other, and signs for every step. By
// itself that is mutual credit; a rail of money attaches a Settler, which makes
// what was noted good afterwards.
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
//	a ref not expected, or waived not_expected  (decides the number)
//	amount not the expected one   wrong_amount  (decides the number)
//	balance over the limit        over_limit    (decides the number)
//	a ref captured by another     diverged
//	none of these                 countersignature (decides the number)
//
// Calls of Pay that wait while a note is on its way are made by the next one
// together: its lines are charged all or none, and where they were refused each
// is tried in a note of its own. Nobody waits for company. Entries of one note
// share its two documents (payments.Journal.Evidence), and the note with its
// countersignature proves each line. Payees say in countersignatures that they
// take such notes; without that each payment has its own.
//
// After diverged comes the last note the payee accepted, so that both last
// notes can be laid side by side. The rail never repairs a divergence by itself:
// it shows it in Balances and leaves the payment unknown.
//
// What is noted and not made good is the payee's exposure. Its limit bounds it,
// and may grow with what was settled before. A Settler makes it good: it pays
// and calls SettledOut on the payer's side, sees the money and calls SettledIn on
// the payee's, each in the transaction in which it enters its own evidence. Both
// are totals of the channel, so that doing it twice is doing it once. Where
// money was locked before the work, the payment is secured: it counts no credit
// and is captured without a note.
//
// It refuses to pay over its ceiling, to expect over its limit, to take a note
// it did not expect, and any unit but its own. The rails call it, and the node
// hands it the streams of the pay protocol.
package account
