// Package paymentstest holds the conformance suite that every payments.Rail
// passes, whatever its unit and whether or not money follows its notes; a check
// that money is conserved; a rail in memory that can be told to misbehave as
// networks do; and a bank in memory with a settler of account rails over it.
// Only tests use it.
package paymentstest
