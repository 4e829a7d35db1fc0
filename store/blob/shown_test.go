package blob

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// servingTo is serving to a peer that has to be allowed what it gets.
func servingTo(t *testing.T, s *Store, name string) Source {
	return Source{Name: name, Open: func(context.Context) (io.ReadWriteCloser, error) {
		here, there := net.Pipe()
		go func() {
			_ = s.ServeStream(t.Context(), there, func(string) error { return nil })
			_ = there.Close()
		}()
		return here, nil
	}}
}

// What is here for other reasons is not given away as part of a folder on its
// way in that lists it, before a source has shown that it has it.
func TestFolderThatListsWhatIsHere(t *testing.T) {
	t.Parallel()
	thief, victim, other := newStore(t), newStore(t), newStore(t)
	i, err := thief.AddTree(t.Context(), writeTree(t, map[string]string{
		"a": "junk", "b": strings.Repeat("secret ", 100_000),
	}))
	if err != nil {
		t.Fatal(err)
	}
	secret := mustAdd(t, victim, strings.NewReader(strings.Repeat("secret ", 100_000)))
	if err := os.Remove(ownPathOf(t, thief, secret.CID)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	asked := make(chan struct{}, 1)
	go func() {
		_, err := victim.Fetch(ctx, i.CID, Limits{
			MustShow: func(c string) bool {
				if c == secret.CID {
					asked <- struct{}{}
				}
				return true
			},
			Discover: func(ctx context.Context, _ func(Source)) { <-ctx.Done() },
		}, servingTo(t, thief, "thief"))
		ended <- err
	}()
	<-asked
	short, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	if _, err := other.Fetch(short, i.CID, Limits{}, servingTo(t, victim, "victim")); err == nil || other.Has(secret.CID) {
		t.Errorf("given away: %v, %v", other.Has(secret.CID), err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if victim.Has(i.CID) || !victim.Has(secret.CID) {
		t.Errorf("folder %v, file %v", victim.Has(i.CID), victim.Has(secret.CID))
	}
}

func ownPathOf(t *testing.T, s *Store, c string) string {
	t.Helper()
	id, err := parseCID(c)
	if err != nil {
		t.Fatal(err)
	}
	return s.ownPath(id)
}
