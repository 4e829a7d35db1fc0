//go:build !linux

package bench

import (
	"context"
	"net/http"

	"infernet.tech/infernet/exec"
)

// direct does not exist where containers do not.
type direct struct{}

func newDirect(context.Context, string, string, exec.Image) (*direct, error) {
	return nil, exec.ErrUnsupported
}

func (*direct) plain(context.Context) error    { return exec.ErrUnsupported }
func (*direct) hardened(context.Context) error { return exec.ErrUnsupported }
func (*direct) serve(context.Context, exec.Image, string) (*http.Client, func() error, error) {
	return nil, nil, exec.ErrUnsupported
}
func (*direct) close() error { return nil }

func sweepDirect(string) error { return nil }
