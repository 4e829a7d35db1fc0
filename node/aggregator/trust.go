package aggregator

import (
	"context"
	"io/fs"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/reputation"
)

// Trust tells how far a peer is to be trusted with a kind of work;
// *reputation.Book does.
type Trust interface {
	Standing(now time.Time, peer identity.PubKey, app reputation.App, class string) (reputation.Standing, error)
}

// Comparer groups results by what a spec calls equal. results[i] is the i-th
// result's tree, a stranger's: it is read within bounds of memory and time. Groups
// and unsure hold indexes into results; what is unsure cannot be told from the
// biggest group and blames nobody. An error is a fault of this node.
type Comparer interface {
	Compare(ctx context.Context, spec job.Verify, results []fs.FS) (groups [][]int, unsure []int, why string, err error)
}

// Replayer has a revealed result computed through again, token by token, by
// somebody who is none of not. answer is one of the answers of package compare
// (match, mismatch, inconclusive); score is in its comparator's own unit. An
// error is a fault of this node or its network and is tried again.
type Replayer interface {
	Replay(ctx context.Context, j job.Job, shard job.Shard, result fs.FS, not []identity.PubKey) (answer, why string, score float64, err error)
}

// Surroundings tells who is connected to this node, and from where; *p2p.Host
// does.
type Surroundings interface {
	Peers() []p2p.PeerInfo
}
