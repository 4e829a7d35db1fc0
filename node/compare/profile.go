package compare

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"math"
	"strings"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Signed is a profile with the document that says who made it and when.
type Signed struct {
	wire.Profile
	CID   string // of the document's bytes
	Event wire.Event
}

// Author is who made the profile. Whom one believes is for the caller to know:
// the thresholds of a stranger can make anything agree.
func (s Signed) Author() identity.PubKey { return s.Event.PubKey }

// Bytes are the document, which is kept and shared as content.
func (s Signed) Bytes() []byte { return s.Event.Bytes() }

// Sign makes the document of a profile, dated now. Errors: ErrProfile.
func Sign(k *identity.Key, p wire.Profile, now time.Time) (Signed, error) {
	if err := Verify(p); err != nil {
		return Signed{}, err
	}
	ev, err := wire.Seal(k, p, now)
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrProfile, err)
	}
	return Signed{Profile: p, CID: CID(ev.Bytes()), Event: ev}, nil
}

// Load reads the document of a profile and checks its signature, its name unless
// cid is empty, and all that Verify does. Errors: ErrProfile.
func Load(raw []byte, cid string) (Signed, error) {
	if got := CID(raw); cid != "" && got != cid {
		return Signed{}, fmt.Errorf("%w: its bytes have the CID %s, not %.80q", ErrProfile, got, cid)
	}
	ev, err := wire.Parse(raw)
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrProfile, err)
	}
	p, err := wire.Decode[wire.Profile](ev)
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrProfile, err)
	}
	return Signed{Profile: p, CID: CID(raw), Event: ev}, Verify(p)
}

// Verify holds a profile to what its comparator can use, and what it claims of
// its errors to the number of its samples. Errors: ErrProfile.
func Verify(p wire.Profile) error {
	if p.Comparator == job.CompareText {
		if _, err := TextThresholds(&p); err != nil {
			return err
		}
	} else if _, err := New(job.Verify{Compare: p.Comparator}, &p); err != nil {
		return fmt.Errorf("%w: %w", ErrProfile, err)
	}
	wrong, sure := p.Number(falseAlarms, 0), p.Number(confidence, usualConfidence)
	if wrong != math.Trunc(wrong) || wrong < 0 || wrong > float64(p.N) || sure < 0.5 || sure >= 1 {
		return fmt.Errorf("%w: %v false alarms of %d, confidence %v", ErrProfile, wrong, p.N, sure)
	}
	if bound := ppm(UpperBound(int(wrong), int(p.N), sure)); p.FPRppm < bound {
		return fmt.Errorf("%w: it claims %d false alarms in a million where %d samples show at most %d", ErrProfile, p.FPRppm, p.N, bound)
	}
	return nil
}

// ppm rounds a rate up to whole parts per million. A hair's breadth is forgiven:
// two machines compute a bound to the last digit but one.
func ppm(rate float64) uint32 { return uint32(math.Ceil(rate*1e6 - 1e-6)) }

// Fits tells whether a profile is for a model (CID), an image (digest) and a
// hardware class; what it leaves open fits all. Errors: ErrProfile.
func Fits(p wire.Profile, model, image, class string) error {
	for _, f := range []struct{ what, profile, have string }{
		{"model", p.Model, model}, {"image", p.Image, image}, {"hardware class", p.Class, class},
	} {
		if f.profile != "" && f.profile != f.have {
			return fmt.Errorf("%w: it is for the %s %.80q, not %.80q", ErrProfile, f.what, f.profile, f.have)
		}
	}
	return nil
}

// CID is the name of bytes that are one block: version 1, raw, SHA-256.
func CID(raw []byte) string {
	sum := sha256.Sum256(raw)
	enc := base32.StdEncoding.WithPadding(base32.NoPadding)
	return "b" + strings.ToLower(enc.EncodeToString(append([]byte{1, 0x55, 0x12, 32}, sum[:]...)))
}
