// Package nwctest is the other side of NIP-47 for tests: a NOSTR relay in this
// process, and a wallet service that serves any ln.Node over it. Only tests use
// it.
package nwctest
