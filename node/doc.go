// Package node composes a running Infernet node out of its subsystems and
// serves its local API.
//
// # Words
//
//   - provider: a node that runs strangers' tasks for pay
//   - aggregator: a node that splits, dispatches, verifies and settles jobs;
//     every node is its own clients' aggregator, some take others' jobs
//   - client: whoever submits a job to a node's local API
//   - relay: a node that others use to be reached and to find their first peers
//   - job, shard, attempt: what a client asks for, one piece of it, one
//     execution of that piece by one provider
//   - commit, reveal: a provider binds itself to a result before it shows it
//   - receipt: what was done and paid, signed by both sides
//
// # Data flow
//
//	CLI -> local API -> aggregator --offer--> provider -> sandbox
//	                        |      <-quote--     |
//	                        |      --accept->    |  image, model, input by CID
//	                        |      <-commit-     |
//	                        |      --reveal?->   |
//	                        |      <-reveal-     |  result by CID
//	                    compare                  |
//	                        |      --verdict, payment, receipt-->
//	                      result                 |
//
// # Who may import whom
//
//	cmd -> node -> {exec, payments, reputation, gossip, dht} -> {p2p, store}
//
// Siblings never import each other: exec speaks of a Task, payments of an
// Amount, reputation of a Receipt, and this package translates. A test holds
// the rule.
//
// # Lifecycle
//
// New checks the configuration and starts nothing. Run opens the key and the
// database, listens on the local API before it joins the network, and returns
// when its context ends or a subsystem that the node cannot do without fails.
// A role is which subsystems are built; a role that is off is a worker that
// refuses, not a nil. A job's failure never ends the node.
package node
