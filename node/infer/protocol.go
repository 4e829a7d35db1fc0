package infer

import (
	"fmt"
	"strconv"
	"strings"

	"infernet.tech/infernet/node/infer/meter"
)

// What the two ends of a lease say to each other beside documents; package
// serving has the same names at the other end.
const (
	headerLease = "Infernet-Lease" // the lease's name in hex, in requests and answers
	headerUsage = "Infernet-Usage" // trailer: what the provider metered
	// The request's number in its lease, by which a Disclosure names it.
	headerNumber = "Infernet-Request"

	// Codes of a provider's refusals of requests.
	codeLeaseUnknown = "lease_unknown" // 402: the request names no lease of this peer
	codeLeaseEnded   = "lease_ended"   // 402: deadline past, or last window stated
	codeLeaseBudget  = "lease_budget"  // 402: could cost more than the budget has left
	codeWindowDue    = "window_due"    // 402: state and pay a window first

	// Codes of Error documents.
	codeMismatch = "mismatch" // contradicts the lease or an earlier window
	codeUnknown  = "unknown"  // no such lease here
	codeDisputed = "disputed" // the totals are below the provider's meter
	codeBusy     = "busy"     // not now
	codeUnpaid   = "unpaid"   // the payment before is not seen yet
	codeRefused  = "refused"  // asks for what is not given
)

// refused is a provider's reason, in its own words: a stranger's text.
type refused struct {
	code, text string
	retryMS    uint64
}

func (r *refused) Error() string { return fmt.Sprintf("refused (%s): %q", r.code, r.text) }

// usage is what a provider says that it metered.
type usage struct {
	request, total meter.Count
}

// maxTokens bounds what is believed to be a count: exact in JSON numbers.
const maxTokens = 1 << 53

// parseUsage reads "in=12,out=30,total_in=100,total_out=200"; unknown names and
// what comes after a space are passed over.
func parseUsage(s string) (u usage, ok bool) {
	into := map[string]*uint64{
		"in": &u.request.In, "out": &u.request.Out, "total_in": &u.total.In, "total_out": &u.total.Out,
	}
	s, _, _ = strings.Cut(s[:min(len(s), 512)], " ")
	for f := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(f, "=")
		if place := into[name]; place != nil {
			v, err := strconv.ParseUint(value, 10, 64)
			if err != nil || v > maxTokens {
				return usage{}, false
			}
			*place = v
			delete(into, name)
		}
	}
	return u, len(into) == 0
}
