// Package holders finds out who holds content: it asks peers, over
// `/infernet/have/1`, for many things at once and answers such questions of
// others.
//
// What is asked for is a Ref: the CID of a file or folder, the digest of a
// container image, or a name that an author signed. The answer to each tells
// how much is held, at which price, the signed names, and a few other peers
// that said in public that they hold it. Find asks the peers that are connected,
// those that others tell of and those in the table of the network, all at once,
// and goes on while a transfer runs.
//
// It refuses to tell of what the asker may not have: that and what is not here
// have the same answer, and other holders are named only of what this node
// itself gives to everybody. It believes nothing: an answer only says whom to
// ask for the bytes, and a name counts by its author's signature alone.
//
// Package node runs it; node/content is its Local and its caller.
package holders
