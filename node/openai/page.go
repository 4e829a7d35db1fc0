package openai

import (
	"net/url"
	"slices"
	"strconv"

	oai "infernet.tech/infernet/exec/engine/openai"
)

// page is a part of a list as OpenAI's clients read it.
type page[T any] struct {
	Object  string  `json:"object"`
	Data    []T     `json:"data"`
	FirstID *string `json:"first_id"`
	LastID  *string `json:"last_id"`
	HasMore bool    `json:"has_more"`
}

// paginate cuts out the page that a query asks for (limit, after, order); all
// is newest first, most the largest limit.
func paginate[T any](q url.Values, all []T, most int, id func(T) string) (page[T], error) {
	out := page[T]{Object: oai.ObjectList, Data: []T{}}
	limit := min(most, 20)
	if most > 100 {
		limit = most
	}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > most {
			return out, oai.BadRequest("limit", "%.40q is not a number from 1 to %d", text, most)
		}
		limit = n
	}
	switch order := q.Get("order"); order {
	case "", "desc":
	case "asc":
		slices.Reverse(all)
	default:
		return out, oai.BadRequest("order", "%.40q is neither asc nor desc", order)
	}
	if after := q.Get("after"); after != "" {
		i := slices.IndexFunc(all, func(v T) bool { return id(v) == after })
		if i < 0 {
			return out, oai.BadRequest("after", "nothing has the id %.100q", after)
		}
		all = all[i+1:]
	}
	out.HasMore = len(all) > limit
	out.Data = append(out.Data, all[:min(limit, len(all))]...)
	if n := len(out.Data); n > 0 {
		first, last := id(out.Data[0]), id(out.Data[n-1])
		out.FirstID, out.LastID = &first, &last
	}
	return out, nil
}
