// Package content is the node's view of its content-addressed store: what
// people call things, who may have what, and how a blob comes from a peer.
//
// Blobs themselves are package store/blob's; it knows neither names nor
// peers. Here a model or an image has a name ("demo", "infernet/llm") that
// stands for a CID, a CID is brought from the peers that hold it, and a
// stranger gets only what was granted to it: an input of a job goes to the
// providers that accepted its shards, a result to the aggregator that asked.
//
// What it refuses to do: serve a blob because it was asked for by its CID, and
// show anything that is not whole and verified.
//
// The roles provider and aggregator, and the local API, call it.
package content
