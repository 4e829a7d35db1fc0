// Command infernet is the whole of Infernet in one program: a node of the
// network, and the verbs that talk to the node of one home.
//
// A verb parses its arguments, asks the node through the local API and prints
// the answer. It decides nothing about jobs, content or money: that is the
// node's. Verbs that need no node (init, version, job validate, receipt
// verify, help) ask none.
//
// Rules of the screen:
//   - results go to stdout; everything said about them goes to stderr;
//   - with --json exactly one JSON document goes to stdout, errors included;
//   - messages are lower case, without a final period: "infernet: …", "hint: …";
//   - text that another node wrote is printed with %q and cut, and a task's
//     output is stripped of control characters before a terminal sees it;
//   - exit codes are in exits.go, and only explain.go chooses one.
package main
