package aggregator

import (
	"reflect"

	"infernet.tech/infernet/node/job"
)

// sameShard reports whether two shards say the same. A step of the machine
// replaces the shards it changes, so that the same pointer means the same shard.
func sameShard(a, b *job.Shard) bool { return a == b || reflect.DeepEqual(a, b) }
