package exec

import (
	"fmt"
	"strconv"
	"strings"
)

// SocketPath is where a program of Task.Serve "unix" listens. Its folder is
// writable for the task, tiny, and holds nothing else.
const SocketPath = "/run/engine/http.sock"

// firstServePort: lower ports need a privilege that no task has.
const firstServePort = 1024

// ServePort is the port of a Task.Serve of the form "tcp:PORT"; 0 stands for
// "unix" and "". Errors: ErrInvalidTask for every other text.
func ServePort(serve string) (uint16, error) {
	if serve == "" || serve == "unix" {
		return 0, nil
	}
	digits, ok := strings.CutPrefix(serve, "tcp:")
	n, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || n < firstServePort || strconv.FormatUint(n, 10) != digits {
		return 0, fmt.Errorf("%w: serve %.80q is neither unix nor tcp: and a port from %d", ErrInvalidTask, serve, firstServePort)
	}
	return uint16(n), nil
}
