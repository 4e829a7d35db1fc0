package nodetest

import (
	"io"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Seal signs a document with any key and any date.
func Seal(t testing.TB, k *identity.Key, m wire.Message, at time.Time) wire.Event {
	t.Helper()
	ev, err := wire.Seal(k, m, at)
	if err != nil {
		t.Fatalf("seal %T: %v", m, err)
	}
	return ev
}

// readSome reads to the end of a stream, 1 MiB at most.
func readSome(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, 1<<20)) }
