// Package delivery accounts for the bytes of content that move between this
// node and each peer: it meters them, holds them to the operator's limits, has
// them paid for where they have a price, and makes a receipt of them on both
// sides, also where they have none.
//
// What it refuses to do: let what a peer has not paid for grow past a window,
// give strangers more than the day's cap, pay for bytes that did not come or
// were not found good, take a delivery that says more than its meter, sign a
// receipt for a payment that has not come. It looks into no byte: what content
// is and who may have it is for others to say.
//
// # Two counts
//
// The serving side counts what it wrote to a stream, the fetching side what it
// read from it. The first is never below the second: what is on its way, or was
// when a connection broke, makes the difference. Money follows the second, in
// deliveries of an account, each with the running total:
//
//	served >= claimed (by deliveries) >= paid       unpaid = served - paid - forgiven
//
// The serving side refuses claims above what it served. It need not refuse
// claims below: what is not claimed stays unpaid, and when unpaid reaches the
// window nothing more is served, on any stream, until something is paid. So a
// peer gains one window by keeping silent, once. What honest peers lose on the
// way is forgiven slowly, while no stream of theirs is open: of what is paid for
// a sixty-fourth, and a window a day.
//
// The fetching side owes what it found good, as far as it can know here: bytes
// that Config.Lag more have followed on the same stream, or that rest read for
// Config.Pause while the reader waits for more, or of a stream closed in order.
// Of a stream that was reset what had come last is not owed. A caller that knows
// how much was verified says so (Inflow.Verified), and that is what counts.
//
// # A delivery
//
//	fetching side:  open -> stated -> paid -> receipted
//	serving side:           claimed, expected, accepted -> paid -> signed
//
// Each is in the store before the other side or the rail hears of it, and has
// one reference, (DeliveryJob, seq, 0), however often it is said. The meters
// themselves are written once a second, and sooner when much moved. A crash
// forgets at most a window, for which the serving side believes the other one
// once after each start.
//
// The node composes it (package node); node/content calls Serve and Fetch.
package delivery
