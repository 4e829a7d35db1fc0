//go:build linux

package containerd

import (
	"context"
	"net"

	"infernet.tech/infernet/exec"
)

// Dial connects to what the task serves.
func (h *task) Dial(context.Context) (net.Conn, error) { return nil, exec.ErrNotServing }
