// Package content is the node's view of its content-addressed store: what
// people call things, who may have what, and how a blob comes from peers.
//
// Blobs themselves are package store/blob's; it knows neither names nor
// peers. Here a model or an image has a name ("demo", "infernet/llm") that
// stands for a CID, and a CID is brought from the peers that hold it, all at
// once, while more are looked for.
//
// Two things let a peer have a blob. What was granted to it: an input of a job
// to the providers that accepted its shards, a result to the aggregator that
// asked. And what is shared with everybody: models and images that a person
// added, unless private; data only when that was said of it; and what came from
// the public, every byte of it. Of the shared the network is told the roots, the
// digests of images, and the names, which the node signs: an author's newest
// document for a name holds, whoever hands it on.
//
//	asked for  -> may it be had? granted: free of charge; shared: at the price
//	fetch      -> here | named peers | peers that are connected, told of, in the table
//	           -> one transfer for all who wait -> shared again if all of it was public
//
// What it refuses to do: serve a blob because it was asked for by its CID, tell
// of what the asker may not have, pay more than the caller allows, show
// anything that is not whole and verified, and take a name from anybody but the
// author whose signature it bears.
//
// The roles provider and aggregator, the mirror of images, and the local API
// call it; node/holders asks it what peers may know.
package content
