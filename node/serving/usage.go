package serving

import (
	"fmt"
	"strconv"
	"strings"
)

// Headers of the data plane. HeaderUsage is a trailer.
const (
	HeaderLease = "Infernet-Lease" // the lease's name in hex, in requests and answers
	HeaderUsage = "Infernet-Usage" // a Usage, as String writes it
	// HeaderNumber is the request's number in its lease, from 0: a Disclosure
	// names its answer by it.
	HeaderNumber = "Infernet-Request"
)

// Usage counts tokens: of one request, with the lease's totals as the provider
// meters them beside it, or (in a disputed window's Error) the totals alone.
type Usage struct {
	Requests uint64 // finished requests of the lease
	In, Out  uint64 // of this request
	TotalIn  uint64 // of the lease, this request included
	TotalOut uint64
}

// String returns "in=12,out=30,total_in=100,total_out=200,requests=7".
func (u Usage) String() string {
	return fmt.Sprintf("in=%d,out=%d,total_in=%d,total_out=%d,requests=%d", u.In, u.Out, u.TotalIn, u.TotalOut, u.Requests)
}

// ParseUsage reads what String writes. Names it does not know are passed over,
// as is any text after a space; false when a number is missing or is none.
func ParseUsage(s string) (Usage, bool) {
	var u Usage
	into := map[string]*uint64{
		"in": &u.In, "out": &u.Out, "total_in": &u.TotalIn, "total_out": &u.TotalOut, "requests": &u.Requests,
	}
	s, _, _ = strings.Cut(s, " ")
	for _, f := range strings.SplitN(s, ",", 32) {
		name, value, _ := strings.Cut(f, "=")
		place := into[name]
		if place == nil {
			continue
		}
		v, err := strconv.ParseUint(value, 10, 53)
		if err != nil {
			return Usage{}, false
		}
		*place = v
		delete(into, name)
	}
	return u, len(into) == 0
}
