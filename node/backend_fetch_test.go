package node

import "testing"

// What is fetched to be kept private is given to nobody, not while it comes
// either.
func TestFetchedInPrivate(t *testing.T) {
	t.Parallel()
	b := contentBackend{n: &Node{}}
	for _, private := range []bool{true, false} {
		o, err := b.fetchOptions(nil, 0, nil, private, nil)
		if err != nil || o.Private != private || !o.Anyone {
			t.Errorf("private %v: %+v, %v", private, o, err)
		}
	}
}
