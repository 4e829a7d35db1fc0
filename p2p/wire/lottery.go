package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// PPM is the whole, in parts per million: the rate at which all is audited.
const PPM = 1_000_000

// auditDomain keeps the lottery apart from every other use of the secret.
const auditDomain = "infernet/audit/v1"

// SecretHash is what a JobOffer or Lease says of the secret that will draw its
// audits: SHA-256 of its 32 bytes. The secret is random, so that the hash
// tells nothing of it.
func SecretHash(secret ID) Hash { return sha256.Sum256(secret[:]) }

// AuditDraw is the lottery ticket of an attempt: the first 8 bytes, big-endian,
// of HMAC-SHA256 under the secret over the domain, the job, the shard, the
// attempt and c, the hash in its Commit, each behind its length as a
// big-endian uint64. The one who committed cannot know it before the secret is
// disclosed, and the one who drew it cannot change it after the commit is in.
func AuditDraw(secret, job ID, shard, attempt uint32, c ID) uint64 {
	h := hmac.New(sha256.New, secret[:])
	for _, f := range [][]byte{
		[]byte(auditDomain),
		job[:],
		binary.BigEndian.AppendUint32(nil, shard),
		binary.BigEndian.AppendUint32(nil, attempt),
		c[:],
	} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(f))))
		h.Write(f)
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// Audited reports whether a ticket is drawn at a rate in parts per million:
// whether draw/2^64 < ratePPM/10^6, exactly. All are at PPM, none at 0.
func Audited(draw uint64, ratePPM uint32) bool {
	// draw·10^6 < rate·2^64, of which the right side is rate and 64 zero bits.
	hi, _ := bits.Mul64(draw, PPM)
	return hi < uint64(ratePPM)
}

// ppm checks a rate.
func (c *checks) ppm(field string, rate uint32) { c.max(field, uint64(rate), PPM) }

// promise checks what is promised of audits: a rate binds only with a secret.
func (c *checks) promise(commit ID, least uint32) {
	c.ppm("audit_min", least)
	c.that(least == 0 || !commit.IsZero(), "audit_min", "is promised without a secret's hash")
}
