package aggregator

import (
	"reflect"

	"infernet.tech/infernet/node/job"
)

// sameShard reports whether a shard is as it was. A step never writes to what
// it was given, so that attempts in the same place of memory are the same ones;
// only where they are elsewhere are they compared, which a large job's step
// would otherwise spend most of its time on.
func sameShard(a, b *job.Shard) bool {
	if len(a.Attempts) != len(b.Attempts) {
		return false
	}
	if len(a.Attempts) > 0 && &a.Attempts[0] != &b.Attempts[0] && !reflect.DeepEqual(a.Attempts, b.Attempts) {
		return false
	}
	return a.Index == b.Index && a.State == b.State && a.Class == b.Class && a.Wanted == b.Wanted &&
		a.Result == b.Result && a.Size == b.Size && a.Label == b.Label &&
		a.Retries == b.Retries && a.Starved == b.Starved && a.Reason == b.Reason && a.Input == b.Input
}
