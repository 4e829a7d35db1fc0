// Package image reads, writes and converts OCI image layouts: the form in
// which Infernet's images lie on disk and travel.
//
// Import turns a `docker save` archive or an OCI layout, packed or not, into a
// layout folder of one image with all its platforms. Open verifies an image
// against a digest and takes what runs on this machine; Unpack lays its files
// out, counting every byte and entry on the way. Inspect and OpenBlob find what
// an image consists of, for those who hand it on. WriteLayout makes a small
// deterministic image from files.
//
// An image is named by the digest of its index, or of its manifest where it has
// no index. An index's digest holds whether all that it names is there or not,
// so a platform may be missing; one that is there is whole.
//
// It treats every image as hostile: sizes are capped before they are
// allocated, digests are checked over what was read, and nothing is written
// outside the folder it was given. It refuses to talk to registries, to take
// foreign layers, whose bytes are elsewhere, and to keep device nodes or
// set-user-id bits. It runs nothing, needs no rights, and builds on every
// platform.
//
// It is called by exec/containerd (Open, Unpack), by exec/engine (WriteLayout),
// by node/content (Import) and by node/mirror (Inspect, OpenBlob).
package image
