package delivery_test

import (
	"context"
	"io"
	"testing"

	. "infernet.tech/infernet/node/delivery"
)

// null takes and gives bytes at no cost.
type null struct{}

func (null) Read(p []byte) (int, error)  { return len(p), nil }
func (null) Write(p []byte) (int, error) { return len(p), nil }
func (null) Close() error                { return nil }

// BenchmarkStreams tells what accounting adds to each piece of 256 KiB.
func BenchmarkStreams(b *testing.B) {
	cfg := Default()
	cfg.Price, cfg.Window = 1000, 1<<40
	p := newNetwork(b).join(cfg)
	s, _ := p.now()
	buf := make([]byte, 256<<10)
	for _, free := range []bool{true, false} {
		rw, end, err := s.Serve(context.Background(), somebody(b), testCID, free, null{})
		if err != nil {
			b.Fatal(err)
		}
		in := s.Fetch(somebody(b), testCID, map[bool]uint64{false: 1000}[free], null{})
		name := map[bool]string{true: "free", false: "priced"}[free]
		b.Run("serve/"+name, func(b *testing.B) { passes(b, buf, rw.Write) })
		b.Run("fetch/"+name, func(b *testing.B) { passes(b, buf, in.Read) })
		end()
		if err := in.(io.Closer).Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func passes(b *testing.B, buf []byte, move func([]byte) (int, error)) {
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := move(buf); err != nil {
			b.Fatal(err)
		}
	}
}
