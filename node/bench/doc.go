// Package bench measures what the network costs, each number beside a baseline
// of the same run on the same machine.
//
// Dispatch runs a program that ends at once through the whole path (a client
// and a provider as processes of their own, a job with one shard, a container,
// a commit, a reveal, a payment, a receipt) and the same program straight on
// containerd. Transfer sends the same bytes as a blob, over a bare libp2p
// stream and over a bare TCP socket. Infer sends the same requests to a warm
// engine's own socket and through a client's and a provider's node. Verify and Pay
// measure what checking and settling a shard cost, beside the bare signatures.
//
// Measured and baseline runs take turns, so that a noisy machine is as noisy
// for both; medians and ratios are told, never one best run. The package
// refuses to leave anything behind: processes, containers, mounts and files go
// when it ends, and what a killed run left goes with the next one. It decides
// nothing and prints nothing; the verb "bench" calls it.
package bench
