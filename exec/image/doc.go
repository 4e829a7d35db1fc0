// Package image reads, writes and converts OCI image layouts: the form in
// which Infernet's images lie on disk and travel.
//
// WriteLayout makes a small deterministic image from files. LayoutFromTar
// turns a `docker save` archive or a packed OCI layout into a layout folder.
// Open verifies a layout against a digest, and Unpack lays its files out,
// counting every byte and entry on the way.
//
// It treats every image as hostile: sizes are capped before they are
// allocated, digests are checked over what was read, and nothing is written
// outside the folder it was given. It refuses to talk to registries, to follow
// the URLs of foreign layers, and to keep device nodes or set-user-id bits.
// It runs nothing, needs no rights, and builds on every platform.
//
// It is called by exec/containerd (Open, Unpack), by exec/engine (WriteLayout)
// and by the client's `image` verbs (LayoutFromTar).
package image
