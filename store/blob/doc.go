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
// A fetching side opens a stream, names the root and then wants: CIDs of files
// or single directory nodes below that root, each with the number of blocks it
// holds already. It does not wait between wants. The serving side answers in
// order, each answer a status and then the blocks of the file in depth-first
// pre-order, with a length before each and nothing else: the fetching side
// knows from the parent which CID must come next. See wire.go for the bytes.
package blob
