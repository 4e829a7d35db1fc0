// Package servingtest has a pool whose engine is an http.Handler of the test's
// own process, reached over a unix socket as a real engine is, and an instant
// engine that repeats its prompt. Check is what every pool is held to. Tests of what calls or is called by package
// serving use it; no program does.
package servingtest
