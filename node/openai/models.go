package openai

import (
	"context"
	"net/http"
	"slices"
	"strings"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/payments"
)

// owner is who OpenAI's clients are told that a model belongs to.
const owner = "infernet"

// models lists what is served now, each name once, sorted.
func (f *Face) models(ctx context.Context) ([]infer.ModelInfo, error) {
	all, err := f.infer.Models(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b infer.ModelInfo) int { return strings.Compare(id(a), id(b)) })
	return slices.CompactFunc(all, func(a, b infer.ModelInfo) bool { return id(a) == id(b) }), nil
}

// model finds one by name or CID.
func (f *Face) model(ctx context.Context, name string) (infer.ModelInfo, error) {
	all, err := f.models(ctx)
	if err != nil {
		return infer.ModelInfo{}, err
	}
	for _, m := range all {
		if id(m) == name || m.CID == name {
			return m, nil
		}
	}
	return infer.ModelInfo{}, oai.NotFound(name)
}

func entry(m infer.ModelInfo) oai.Model {
	e := oai.Model{ID: id(m), Object: oai.ObjectModel, Created: m.Seen.Unix(), OwnedBy: owner, MaxModelLen: m.Context}
	if unit := payments.Unit(m.Unit); unit.Validate() == nil {
		human := func(v uint64) string { return payments.Amount{Value: v, Unit: unit}.Human() }
		e.Pricing = &oai.Pricing{
			In: m.MinIn, Out: m.MinOut, Unit: m.Unit, Tokens: payments.Million,
			Text: human(m.MinIn) + " in, " + human(m.MinOut) + " out",
		}
	}
	return e
}

func (f *Face) listModels(w http.ResponseWriter, r *http.Request) {
	all, err := f.models(r.Context())
	if err != nil {
		fail(w, r, err)
		return
	}
	list := oai.ModelList{Object: oai.ObjectList, Data: []oai.Model{}}
	for _, m := range all {
		list.Data = append(list.Data, entry(m))
	}
	reply(w, list)
}

func (f *Face) getModel(w http.ResponseWriter, r *http.Request) {
	m, err := f.model(r.Context(), r.PathValue("id"))
	if err != nil {
		fail(w, r, err)
		return
	}
	reply(w, entry(m))
}
