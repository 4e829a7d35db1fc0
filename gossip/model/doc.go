// Package model predicts what gossip costs in networks larger than one process
// can hold real hosts of: bytes per node and day, and how long a document and a
// healed partition take until everybody agrees.
//
// Links, meshes and clocks are virtual; the sizes are those of real documents
// and the reconciliation is the code of gossip/negentropy. It is no simulator of
// jobs or of cheating. Called by node/sim and node/bench. Pure: the same seed
// gives the same report.
package model
