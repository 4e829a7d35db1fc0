package devnet

import (
	"io"
	"os"
)

// lifelineEnv names the descriptor of a node's end of the lifeline.
const lifelineEnv = "INFERNET_LIFELINE"

// WatchLifeline calls cancel once the process that started this node as part
// of a network is gone. A node that was started otherwise has no lifeline, and
// nothing happens. Call it once, before anything else is started.
func WatchLifeline(cancel func()) {
	number := os.Getenv(lifelineEnv)
	if number == "" {
		return
	}
	// What this process starts has no such descriptor.
	_ = os.Unsetenv(lifelineEnv)
	f := lifelineFile(number)
	if f == nil {
		return
	}
	// It ends with the process at the latest.
	go func() {
		_, _ = io.Copy(io.Discard, f)
		_ = f.Close()
		cancel()
	}()
}
