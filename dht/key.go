package dht

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"infernet.tech/infernet/p2p/wire"
)

// Key is one attribute that a provider announces and a query asks for, such as
// any, cpu, vram>=24, model=<cid>, image=sha256:…, role=aggregator. It is
// written in one way only: lower case, no spaces, no '|', at most MaxKey bytes.
type Key string

// MaxKey is the longest Key, in bytes.
const MaxKey = 128

// Keys that take no value.
const (
	Any Key = "any" // every provider
	CPU Key = "cpu" // every provider that runs jobs without a GPU
)

// ModelKey is announced by providers that hold the model.
func ModelKey(cid string) Key { return Key("model=" + cid) }

// ImageKey is announced by providers that hold the image of that manifest
// digest.
func ImageKey(digest string) Key { return Key("image=" + digest) }

// NameKey is announced by providers that serve a model under that name, which
// is at most wire.MaxModelName bytes. A name proves nothing: two providers may
// mean different models by it, whose CIDs their offers tell.
func NameKey(name string) Key { return Key("name=" + strings.ToLower(name)) }

// RoleKey is announced by nodes of that role.
func RoleKey(role string) Key { return Key("role=" + strings.ToLower(role)) }

// Validate returns ErrBadKey unless k is in its one form.
func (k Key) Validate() error {
	if k == "" || len(k) > MaxKey {
		return fmt.Errorf("%w: %d bytes, want 1 to %d", ErrBadKey, len(k), MaxKey)
	}
	for _, c := range []byte(k) {
		if c <= ' ' || c > '~' || c == '|' || c >= 'A' && c <= 'Z' {
			return fmt.Errorf("%w: %q", ErrBadKey, string(k))
		}
	}
	return nil
}

// vramLadder are the announced sizes, in GB of 10^9 bytes as cards are sold; a
// card announces every step it reaches, so that "at least" is one lookup.
var vramLadder = [...]uint64{8, 12, 16, 24, 40, 48, 80, 141}

// gigabyte is what a rung is counted in. Drivers report a little less than the
// label says (a 24 GB card has 23.6e9 to 25.8e9 bytes): 4% are forgiven.
const gigabyte = 960_000_000

// VRAMKeys returns the keys that one card with so many bytes announces.
func VRAMKeys(bytes uint64) []Key {
	var out []Key
	for _, gb := range vramLadder {
		if bytes >= gb*gigabyte {
			out = append(out, vramKey(gb))
		}
	}
	return out
}

// VRAMKey returns the key that finds every card with at least so many bytes:
// the highest rung below. It may find smaller cards too, which their offers
// tell. Above no rung at all it is Any.
func VRAMKey(bytes uint64) Key {
	k := Any
	for _, gb := range vramLadder {
		if bytes >= gb*gigabyte {
			k = vramKey(gb)
		}
	}
	return k
}

func vramKey(gb uint64) Key { return Key("vram>=" + strconv.FormatUint(gb, 10)) }

// OfferKeys returns the keys that an offer's provider announces, sorted. The
// VRAM is that of its largest card: a task does not span cards.
func OfferKeys(o wire.ProviderOffer) []Key {
	keys := []Key{Any, CPU}
	var largest uint64
	for _, g := range o.Hardware.GPUs {
		largest = max(largest, g.VRAMBytes)
	}
	keys = append(keys, VRAMKeys(largest)...)
	for _, m := range o.Models {
		keys = append(keys, ModelKey(m))
	}
	for _, s := range o.Serves {
		keys = append(keys, ModelKey(s.Model), NameKey(s.Name))
	}
	for _, i := range o.Images {
		keys = append(keys, ImageKey(i))
	}
	for _, r := range o.Roles {
		keys = append(keys, RoleKey(r))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// salts is how many places each key has.
const salts = 3

// overlap is how long before a day's end the next day's places are filled.
const overlap = ProvideValidity

// place is where the records of a key are on a day (of UTC): the CID
// v1(raw, sha256("infernet/cap/v1|key|day|salt")).
func place(k Key, day string, salt int) cid.Cid {
	sum := sha256.Sum256([]byte("infernet/cap/v1|" + string(k) + "|" + day + "|" + strconv.Itoa(salt)))
	mh, err := multihash.Encode(sum[:], multihash.SHA2_256)
	if err != nil {
		panic(err) // the hash function is known to the library
	}
	return cid.NewCidV1(cid.Raw, mh)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// places returns every place to announce a key at.
func places(k Key, now time.Time) []cid.Cid {
	days := []string{day(now)}
	if next := day(now.Add(overlap)); next != days[0] {
		days = append(days, next)
	}
	var out []cid.Cid
	for _, d := range days {
		for s := range salts {
			out = append(out, place(k, d, s))
		}
	}
	return out
}
