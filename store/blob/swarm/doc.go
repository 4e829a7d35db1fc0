// Package swarm decides which source of a download is asked for which blocks.
//
// A Plan knows the blocks that are missing, what each source holds, what each
// was asked for and how fast each has been. Next gives a source its next range,
// as long as it should take about Config.Target; when nothing is left to give
// out, it takes the back of the request that would end last. The same blocks
// are asked of a second source only then, and each further time only after
// twice the wait, so that a source which stalls costs little and sources which
// are equals cost nothing.
//
// A Plan is pure: it reads no clock and no network, starts nothing and holds no
// lock. It believes its caller: Got is for blocks that were verified. Package
// blob drives one Plan for each fetch of a file, under its own lock.
//
// # How to drive it
//
// Join every source, then ask Next for each source until it says no, and send
// what it gave. Tell Got for each verified block, those that come of a request's
// trimmed end too, and Ended for each answer that is over; then ask Next for that
// source again. The blocks of one request are expected in order. A source for which
// Next said no is to be asked again when another source was lost, when a have
// map grew, and, as time alone makes a request worth taking over, every quarter
// of a Target or so. After every Next, ask Trims for each source that is
// connected, and tell it. A broken stream is Lost, a liar is Ban.
package swarm
