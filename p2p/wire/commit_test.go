package wire

import (
	"errors"
	"fmt"
	"testing"

	"infernet.tech/infernet/p2p/identity"
)

func TestRevealOpens(t *testing.T) {
	t.Parallel()
	honest, other := testKey(t, 2).PubKey(), testKey(t, 3).PubKey()
	r := Reveal{Job: testID(1), Shard: 7, Attempt: 1, Commit: testID(2), Root: testCID, Size: 4096, Nonce: testID(3)}
	c := Commit{Job: r.Job, Shard: r.Shard, Attempt: r.Attempt, Size: r.Size,
		C: CommitHash(r.Job, r.Shard, r.Attempt, honest, r.Root, r.Size, r.Nonce)}
	if err := r.Opens(c, honest); err != nil {
		t.Fatal(err)
	}
	if err := r.Opens(c, other); !errors.Is(err, ErrCommitMismatch) {
		t.Errorf("a commit copied by another provider opened: %v", err)
	}
	for name, change := range map[string]func(*Reveal, *Commit){
		"job":                  func(r *Reveal, _ *Commit) { r.Job[0]++ },
		"shard":                func(r *Reveal, _ *Commit) { r.Shard++ },
		"attempt":              func(r *Reveal, _ *Commit) { r.Attempt++ },
		"size":                 func(r *Reveal, _ *Commit) { r.Size++ },
		"size of both":         func(r *Reveal, c *Commit) { r.Size++; c.Size++ },
		"root":                 func(r *Reveal, _ *Commit) { r.Root = testDigest },
		"nonce":                func(r *Reveal, _ *Commit) { r.Nonce[31]++ },
		"hash":                 func(_ *Reveal, c *Commit) { c.C[0]++ },
		"shard of both":        func(r *Reveal, c *Commit) { r.Shard++; c.Shard++ },
		"moved to another job": func(r *Reveal, c *Commit) { r.Job[0]++; c.Job[0]++ },
	} {
		r, c := r, c
		change(&r, &c)
		if err := r.Opens(c, honest); !errors.Is(err, ErrCommitMismatch) {
			t.Errorf("other %s: %v", name, err)
		}
	}
}

// TestCommitHashInjective tries field sets that would run together without
// lengths, and pins one value so that the encoding cannot drift.
func TestCommitHashInjective(t *testing.T) {
	t.Parallel()
	var zero identity.PubKey
	seen := map[Hash]string{}
	for _, root := range []string{"", "a", "ab", "\x00", "a\x00", "\x00\x00\x00\x00\x00\x00\x00\x08"} {
		for _, size := range []uint64{0, 1, 8, 1 << 56, 0x61 << 56} {
			for _, shard := range []uint32{0, 1, 1 << 24} {
				for _, attempt := range []uint32{0, 1, 1 << 24} {
					name := fmt.Sprintf("%q %d %d %d", root, size, shard, attempt)
					h := CommitHash(testID(1), shard, attempt, zero, root, size, ID{})
					if before, ok := seen[h]; ok {
						t.Errorf("%s and %s have one hash", before, name)
					}
					seen[h] = name
				}
			}
		}
	}
	const want = "944354984fbbc0a41834960b4f33bfc39c9dc3bd2151fb0257c11e35b4cb3df1"
	if got := CommitHash(testID(1), 7, 1, testKey(t, 1).PubKey(), testCID, 4096, testID(2)).String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
