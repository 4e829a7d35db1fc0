// Package sim tries the rules of trust on thousands of virtual providers and
// clients in virtual time: which cheats are found, how late, what it costs the
// honest, and who earns what.
//
// What judges is the real code: the state machine of package job, the ranking
// of package market, the rates of package audit, the commits and the lottery of
// package wire, and the ledgers of package reputation with their signed
// receipts. What is played are the people: how long they compute, what they
// answer, when they leave. Offers, quotes, commits and reveals are values that
// nobody signs here, since a signature that holds changes no verdict; receipts
// are signed and countersigned for real, because the ledger checks them.
//
// It refuses to touch a clock, a network or a disk: the same Config gives the
// same Report, byte for byte. The verb "sim" and the tests of this package call
// it.
package sim
