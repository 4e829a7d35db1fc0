// Package hub downloads model files from Hugging Face, or from a server that
// speaks as it does, into a folder of the node.
//
// A download is checked against the size and SHA-256 that the server told for
// the file, goes on where an interrupted one ended, is bounded, and appears
// under its name only when it is whole. The access token goes to the server it
// is for and to no other host, whatever a redirect says, and into no log or
// error.
//
// It refuses plain http but for endpoints that are themselves plain, and knows
// nothing of the content store: node/content calls it and takes the file in.
package hub
