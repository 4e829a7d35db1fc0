package blob

import (
	"errors"
	"fmt"
	"testing"
)

// A peer that has the store read what it need not send, again and again, is
// dropped; one that opens a folder in order to ask for its entries is not.
func TestServeWorksForNothingOnlySoLong(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	files := map[string]string{}
	for i := range 2500 {
		files[fmt.Sprintf("a file with a name of some length %d", i)] = "the same"
	}
	i, err := s.AddTree(t.Context(), writeTree(t, files))
	if err != nil {
		t.Fatal(err)
	}
	c, _ := parseCID(i.CID)
	for asks, dropped := range map[int]bool{10: false, 900: true} {
		b := appendHello(nil, c, 1<<40)
		for range asks {
			b = appendQuestion(b, question{cid: c, to: wholeRange, levels: allLevels, nodes: true})
		}
		if _, err := answers(t, s, append(b, frameDone)); errors.Is(err, ErrProtocol) != dropped {
			t.Errorf("%d asks for what need not be sent: %v", asks, err)
		}
	}
}
