// Package blob keeps content-addressed files: models, inputs, outputs and
// container images, each under the CID that IPFS gives the same bytes.
//
// A file becomes UnixFS by the profile unixfs-v1-2025 (CIDv1, sha2-256, raw
// leaves, 1 MiB chunks, 1024 links a node, balanced tree); a folder becomes a
// UnixFS directory with sorted names and no metadata, sharded where its node
// would pass 256 KiB. Both leave and come in as CAR files too. The bytes of a
// file are one plain file on disk, or part of one that small files share, or
// stay where the user has them; the index holds the interior nodes of the DAG
// and one small record per file or folder, and never an entry per leaf.
//
// Nothing is visible under its CID before it is whole, verified and synced to
// disk. The package refuses links, devices, names that would leave a folder,
// DAGs of another shape than files and folders need, and anything past the
// caller's limits.
//
// A store holds to a quota by removing what was used longest ago, and never
// what is pinned, in use, or below such. What an interrupted addition or fetch
// wrote is continued, recovered or removed; a file of the user's that changes is
// no longer served under its CID.
//
// Package node opens one Store and serves /infernet/blob/1 with ServeStream;
// jobs, the data and the model commands fetch and export through it.
//
// # The stream
//
// A fetching side opens a stream, names the root and asks: for a file or folder
// at or below that root, a range of its bytes, and which of its nodes. It does
// not wait between asks; the serving side answers in order, with the blocks of
// the depth-first pre-order walk that overlap the range, a length before each
// and nothing else: the fetching side knows from the nodes which CID must come
// next. Nothing is sent beyond the credit that was granted. An ask under way
// can be shortened, because another source has taken over its end. Content
// that is here in part is served too, with a map of what there is. See wire.go
// for the bytes.
//
// # The fetch
//
// One coordinator finds out what is missing: the nodes of files and folders
// first, small files with them, then the leaves of large files, for each of
// which package swarm plans who is asked for what. One goroutine for each
// source asks and reads; the hasher verifies, several blocks at once where that
// is faster; each leaf is written in its place in a sparse file as soon as it
// is verified, in any order. A bad block bans its source, and what it was asked
// for goes to the others. The journal of a file promises what was verified and
// synced; after a crash the rest is found on the disk by its hash.
//
// Memory: each stream has at most its share of Config.Memory on its way
// (window), and the blocks that wait to be verified are buffers of one pool.
package blob
