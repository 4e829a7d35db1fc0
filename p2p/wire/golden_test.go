package wire

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

// TestGolden holds every kind to its committed bytes: what is sealed is those
// bytes, and those bytes parse, verify, decode and print back to themselves.
func TestGolden(t *testing.T) {
	seen := map[Kind]bool{}
	for _, s := range samples(t) {
		seen[s.msg.Kind()] = true
		t.Run(s.name, func(t *testing.T) {
			e := sealed(t, s.msg)
			path := filepath.Join("testdata", "vectors", s.name+".json")
			if *update {
				if err := os.WriteFile(path, e.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			back, err := Parse(want)
			if err != nil {
				t.Fatal(err)
			}
			// Each signature is another one; Parse has checked that of the vector.
			signed := e
			signed.Sig = back.Sig
			if got := signed.Bytes(); e.Verify() != nil || !bytes.Equal(got, want) {
				t.Errorf("sealed\n%s\nwant\n%s", got, want)
			}
			if !bytes.Equal(back.Bytes(), want) {
				t.Errorf("parsed and printed\n%s\nwant\n%s", back.Bytes(), want)
			}
			msg, err := s.decode(back)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(msg, s.msg) {
				t.Errorf("decoded\n%+v\nwant\n%+v", msg, s.msg)
			}
		})
	}
	for k := range Kind(maxKind) {
		if named := k.String()[:4] != "kind"; named != seen[k] {
			t.Errorf("kind %d: named %v, has a vector %v", k, named, seen[k])
		}
	}
}

// TestSampleFieldsSet keeps the samples complete: a field left zero would not
// be in any vector.
func TestSampleFieldsSet(t *testing.T) {
	t.Parallel()
	set := map[string]bool{} // by any sample of the kind
	for _, s := range samples(t) {
		v := reflect.ValueOf(s.msg).Elem()
		for i := range v.NumField() {
			name := s.msg.Kind().String() + "." + v.Type().Field(i).Name
			set[name] = set[name] || !v.Field(i).IsZero()
		}
	}
	for name, ok := range set {
		if !ok {
			t.Errorf("%s is not set", name)
		}
	}
}

// TestSealRandom checks that two documents that say the same differ when
// ephemeral, by their nonce, and that values and pointers are both messages.
func TestSealRandom(t *testing.T) {
	t.Parallel()
	k := testKey(t, 1)
	m := Cancel{Job: testID(1), Shard: -1, Attempt: -1}
	a, err := Seal(k, m, epoch)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Seal(k, &m, epoch)
	if err != nil {
		t.Fatal(err)
	}
	if a.ID == b.ID {
		t.Error("two documents have one id")
	}
	if got, err := Decode[Cancel](b); err != nil || got != m {
		t.Errorf("got %+v, %v", got, err)
	}
}
