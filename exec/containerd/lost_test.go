//go:build linux

package containerd

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/v2/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// shaky is a daemon whose calls end after these times, because it died, and
// whose last call brings the end of the task.
type shaky struct {
	tasks.TasksClient
	calls []time.Duration
}

func (s *shaky) Wait(context.Context, *tasks.WaitRequest, ...grpc.CallOption) (*tasks.WaitResponse, error) {
	lasts := s.calls[0]
	s.calls = s.calls[1:]
	<-time.After(lasts)
	if len(s.calls) > 0 {
		return nil, status.Error(codes.Unavailable, "the daemon died")
	}
	return &tasks.WaitResponse{ExitStatus: 7, ExitedAt: timestamppb.Now()}, nil
}

// TestDaemonLostAgain: a daemon may die as often as it likes in the life of a
// task; what ends the task is that none comes back.
func TestDaemonLostAgain(t *testing.T) {
	t.Parallel()
	never := make([]time.Duration, 10_000)
	for name, c := range map[string]struct {
		calls []time.Duration
		lost  bool
	}{
		"once":        {[]time.Duration{time.Hour, 0, 0, time.Hour}, false},
		"a day later": {[]time.Duration{time.Hour, 0, 0, 24 * time.Hour, 0, 0, 24 * time.Hour, time.Hour}, false},
		"for good":    {append([]time.Duration{time.Hour}, never...), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c2, err := client.New("", client.WithServices(client.WithTaskClient(&shaky{calls: c.calls})))
				must(t, err)
				h := &task{c: c2, exit: make(chan exit, 1)}
				h.awaitExit(t.Context())
				e := <-h.exit
				if (e.err != nil) != c.lost || !c.lost && e.code != 7 {
					t.Errorf("%+v", e)
				}
			})
		})
	}
}
