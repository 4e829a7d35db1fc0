// Package demo shows the whole of Infernet on one machine: a private network
// of real nodes, a story told by a warm engine on one of them, a prompt that two
// of them answer alike, a batch of prompts with
// known answers run and compared on several, a provider that cheats caught and
// not paid, and everything removed at the end.
//
// It does nothing that a person could not do: the network is that of package
// devnet, and everything else goes through the local API of the client's node.
// What it says of the outcome it has checked: answers against those it knows,
// and money against the client's own books. It is called by the verb "demo".
package demo
