// Package paymentstest holds the conformance suite that every payments.Rail
// passes, and a rail in memory that can be told to misbehave as networks do.
// Only tests use it.
package paymentstest
