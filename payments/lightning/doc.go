// Package lightning is the rail that pays in millisatoshi over the Lightning
// network, through a node of the operator's own (package ln). It never sees a
// key that can spend: all it can do is what the driver's macaroon allows, and
// all it pays was taken from the day's ceiling first.
//
// Between two nodes runs the account of package account: a shard that was
// verified is paid by a countersigned note. Notes are made good in windows: the
// payer asks for one invoice over all that was noted since the last and pays
// it. What is noted and not yet made good is the payee's risk and bounded by the
// account's credit window; the payer risks nothing, it pays after the verdict.
// Where there is no credit yet, a hold locks the money for one ref before the
// work begins: the payer draws a preimage r, the payee makes a hold invoice on
// its hash H, and r is shown when the work is verified.
//
// # Windows
//
// A window is the span (From, To] of a channel's total. Both sides must name
// the same Seq, Root and totals; the invoice's description hash binds them:
//
//	SHA256("infernet/window/v1" 0 channel 0 from to root)   8 byte big endian
//
//	payer                            payee
//	InvoiceAsk{From, To, Root}   ->  own book the same? old invoice settled, or cancelled
//	                                 CreateInvoice; journal: settle/… quoted
//	check: account, amount, hash <-  Invoice
//	journal: settle/… held, ceiling
//	Pay … Track                      Lookup: settled
//	journal: captured, SettledOut    journal: captured, SettledIn
//
// A payee has one invoice open for a payer at a time, and a payer one payment.
// A payer asks for another invoice only when the last payment failed for
// certain: the node said so, or never heard of it and the invoice is long over.
// Nothing below Config.Least is invoiced; it waits for more.
//
// # Holds
//
//	payer, entry hold/REF            payee, entry hold/REF
//	drawn     quoted                 making    quoted    H written down
//	paying    held, unknown          open      quoted    invoice made
//	locked    held                   accepted  held      money seen locked
//	revealed  unknown                settling  unknown   r written down, checked
//	charged   unknown                                    signed for; the node has not said so yet
//	unsigned  captured                                   the node said so; to be signed for yet
//	giving up unknown                returning held      wanted back; to be cancelled
//	(ended)   captured, released     (ended)   captured, released
//
// The payee's journal begins when money is locked: what strangers only ask for
// leaves nothing there.
//
// A payee has 256 holds open, 8 of one peer. Where more are asked for, the oldest
// goes that nobody has locked, of peers who never paid: a swarm of fresh keys is
// in nobody's way who pays at once.
//
// The same InvoiceAsk sent again is answered by the invoice while it is open,
// and by a Countersign once the money is locked. Release with r is answered by
// a Countersign, which charges the ref; Release without r asks to cancel. After
// r was shown only the nodes decide: settled is charged, failed back is not.
// The payee cancels at the deadline, or Config.CancelBlocks before the payment
// would be lost on the chain, and never settles in the last
// Config.SettleBlocks.
//
// # Crash points
//
// Every line that says journal is one transaction of the store, with the state
// of this package and the account's in it; every call of the node stands
// between two of them. After a death at any of these points Reconcile goes on
// from what is written and from what Lookup and Track say, never from what was
// heard:
//
//	before the payer's window is written     nothing was promised to the node
//	written, Pay not called or not answered  Track; not found: Pay again, the same invoice
//	paid, not written                        Track says succeeded
//	the node died before it sent             in flight for ever: ended after the invoice, once
//	                                         the payee signed that it was not paid
//	invoice made, not written                nobody has it; it lapses
//	invoice paid, not written                Lookup says settled
//	drawn, not paid                          released: the node was never asked
//	hold paid, not written                   Track; Release after the deadline
//	the node died before it sent             in flight for ever: ended after the invoice, for
//	                                         nobody else has r
//	r shown, no answer                       the same Release again, and Track
//	r written, not settled                   Settle again; it is idempotent
//	settled, not written                     Lookup says settled
//	cancelled, not written                   Lookup says cancelled
//
// # Ceiling
//
// What Fund sets aside or locks, and what Pay notes, is taken from the day's
// ceiling in the transaction that writes it down; so is room for the fees of the
// window that will make the notes good. What turns out not to be charged is
// given back there, in the transaction that says so.
//
// It refuses to pay an invoice of another node than the one its peer has signed
// for, of another amount, hash or description; to spend without a ceiling; to
// hold more, longer or nearer to the chain than Config says. The node calls it.
package lightning
