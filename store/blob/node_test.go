package blob

import (
	"testing"
)

func FuzzDecodeNode(f *testing.F) {
	f.Add((&node{dir: true}).encode())
	var b builder
	for range 3 {
		b.leaf([32]byte{1}, 10)
	}
	b.finish()
	f.Add(b.nodes[0])
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := decodeNode(data)
		if err != nil {
			return
		}
		if _, err := decodeNode(n.encode()); err != nil {
			t.Errorf("does not decode after encoding: %v", err)
		}
	})
}
