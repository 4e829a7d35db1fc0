// Package compare says whether two results of the same shard agree, and whether
// an answer was made by the model that was paid for.
//
// There are three answers: match, mismatch, and inconclusive, which never
// punishes anybody. A mismatch says that two results cannot both be honest; it
// does not say whose is wrong. Groups sorts many results by what agrees.
//
//	exact      the same files with the same bytes
//	numeric    numbers within tolerances, all else equal: JSON, JSONL, CSV, TSV,
//	           NPY, safetensors, raw .f32 .f64 .f16 .bf16
//	embedding  rows of numbers by their cosine, in the same files
//	image      PNG, JPEG and GIF by structure (SSIM) and by what one sees (pHash)
//
// Files of other kinds must be the same byte for byte. Text of a language model
// is judged by replay: Text takes in what another machine thinks of each token
// and decides as soon as the stated error rates allow, see there.
//
// Thresholds come from a Profile, which is signed and named by its CID, made by
// Calibrate from honest results of one model on one class of machines; without
// one the defaults hold. Every comparison is symmetric. Results are a stranger's:
// what is read of them is bounded in bytes, entries, depth, pixels and time, and
// nothing that they hold makes the package panic. What a parser could read in two
// ways, such as a key given twice, counts as unreadable, and one unreadable
// result never agrees with a readable one.
//
// The package is pure: it opens nothing but the fs.FS it is handed, and knows no
// clock and no randomness. It refuses to fetch results, to run anything (package
// container does, with a comparator of the client's own) and to decide what
// follows from an answer: node/job does. It is called by package node,
// node/aggregator, node/infer and cmd/infernet.
package compare
