// Package dht answers who might run a job, and who may hold content: a Kademlia
// table of the network's own holds, under keys for what a provider has, who
// said so, and each provider tells the rest itself in a signed offer.
//
// A provider announces itself under every attribute that holds for it (see Key
// and VRAMKeys), each at three places of the table that change daily, so that
// nobody can settle beside a key for long. Records live ProvideValidity and are
// renewed every 45 minutes. Nothing that changes within seconds is in the
// table: price, load and free slots are asked of the provider directly.
//
// It also answers who holds which content (ProvideContent, FindHolders): under
// the hash of a CID, a digest or a name, so that who keeps a record learns of
// nothing he did not know. Thousands are announced region by region of the key
// space, by kad-dht's own provider: 5,000 to 24 members took 1.1 s where one by
// one took 15 s (TestContentCost).
//
// It refuses to take a record as proof of anything: Search returns only peers
// that answered with a fresh offer, signed by the key of the connection, for
// this network, that satisfies the query; and of its candidates a quarter come
// from peers known otherwise, when there are any.
//
// Called by node. Subscribing to documents is gossip's part, choosing among the
// found is node/market's.
package dht
