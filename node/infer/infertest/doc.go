// Package infertest is a network of providers for tests of package infer: they
// speak the real documents and real HTTP over connections in memory, answer
// with words that depend on nothing but the prompt, and misbehave as told.
//
// Only tests use it.
package infertest
