package wire

// MaxReplicas bounds how many attempts of one shard are compared.
const MaxReplicas = 16

// RevealRequest asks a provider to open its Commit. Of a quorum it names the
// commits of all replicas of the shard, which shows that they came before any
// reveal; elsewhere that of the provider alone.
type RevealRequest struct {
	Job     ID
	Shard   uint32
	Attempt uint32 // the attempt of the provider asked
	Commits []ID   // ids of the Commits' documents
}

// Kind returns KindRevealRequest.
func (RevealRequest) Kind() Kind { return KindRevealRequest }

func (m RevealRequest) write(c codec) { m.walk(c) }

func (m *RevealRequest) walk(c codec) {
	c.slot(&m.Job, &m.Shard, &m.Attempt)
	c.ids("commits", &m.Commits)
}

// Validate checks every field against its limit.
func (m RevealRequest) Validate() error {
	var c checks
	c.slot(m.Job, m.Shard, m.Attempt)
	c.that(len(m.Commits) > 0, "commits", "is empty")
	unique(&c, "commits", m.Commits, MaxReplicas)
	return c.err()
}
