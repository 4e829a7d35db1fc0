// Package api is the local HTTP interface of a running node: the types it
// speaks, the server inside the node and the client the command line uses.
//
// The server listens on loopback only and answers nobody without the bearer
// token of its home, which it writes, readable by its owner alone, into
// HOME/api.json. The token (HOME/api-token) and the port (HOME/api-port) stay
// the same when the node is started again, so that clients of other programs
// are set up once; who shares a machine with people he does not trust keeps the
// node running or rotates the token, for while it is off anybody may listen on
// its port and be sent the token. It refuses requests whose Host is not a loopback name (DNS rebinding) and
// requests sent by a web page of another origin. It opens before the node has
// joined its network, so that a person can ask why the node is not ready yet.
//
// The package decides nothing about jobs, content or money: node hands it a
// Backends value and it translates HTTP to calls and back. It knows no libp2p
// and no containerd, and keeps nothing between requests.
//
// Paths, all under /api:
//
//	GET  status            GET  peers              POST stop
//	GET  jobs              POST jobs               GET  jobs/ID
//	GET  jobs/ID/events    POST jobs/ID/cancel     GET  jobs/ID/explain
//	POST jobs/ID/results   GET  jobs/ID/receipts
//	GET  {data,models,images}          POST {data,models,images}
//	POST {data,models,images}/{get,pin,unpin,share,unshare,gc,verify,alias,rm}
//	GET  models/show?ref=…&template=true
//	GET  data/car?ref=…    GET  data/traffic       GET  images/mirror
//	GET  providers         GET  reputation/NPUB    GET  reputation/NPUB/explain
//	GET  reputation        GET  frauds             POST jobs/estimate
//	GET  jobs/ID/bundles   GET  jobs/ID/evidence/SHARD
//	GET  profiles          POST profiles           GET  profiles/CID
//	GET  balance           GET  payments           GET  leases
//	GET  leases/ID/receipts  GET leases/ID/evidence  GET audits
//	POST replay            POST bench
//	POST token/rotate
//
// A node with a Face (package node/openai) also serves OpenAI's and Ollama's
// paths, and the latter once more below /ollama/TOKEN for clients that cannot
// send a header.
//
// Adding, get and verify take their time: a caller that sends Accept:
// application/x-ndjson hears how far they are, a line {"progress":…} each, and at
// the end one {"result":…} or {"error":…}. A body of the type
// application/vnd.ipld.car sent to data is a CAR to take in.
//
// Errors are {"error":{"code","message","hint"}}. Programs branch on the code,
// never on the text.
package api
