// Package devnet runs a private network of real nodes on this machine: one
// relay that the others join through, providers, providers that cheat, and a
// client. Each is a process of the same program with a home of its own below
// one folder, so that everything the network does is what strangers would do.
//
// It takes care that nothing stays behind: processes are written down before
// they are needed, with the time of their start, so that a pid used again is
// never killed; a network that is not detached ends when the process that
// started it does, however that ends, through a pipe whose other end the nodes
// watch (WatchLifeline); and Down removes what a killed network left, which is
// processes, containers, mounts, control groups and sockets.
//
// The package knows nodes only by their command line and their local API. It
// gives no rights to anybody: running providers needs root, as ever. It is
// called by the verbs "devnet" and "demo", by tests, and, for WatchLifeline,
// by the verb "node".
package devnet
