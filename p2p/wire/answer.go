package wire

import "crypto/sha256"

// answerDomain keeps an answer's hash apart from every other use of SHA-256.
const answerDomain = "infernet/answer/v1\n"

// AnswerHash is what stands in the lottery of a Lease where an attempt of a job
// has the hash in its Commit: SHA-256 over a domain and the SHA-256 of the
// bytes of the request's body and of the answer's. Both ends can tell it, and
// who answers cannot know what it draws. The shard of its row in a Disclosure
// is the request's number in the lease, the attempt is 0.
func AnswerHash(request, answer [sha256.Size]byte) Hash {
	h := sha256.New()
	h.Write([]byte(answerDomain))
	h.Write(request[:])
	h.Write(answer[:])
	return Hash(h.Sum(nil))
}
