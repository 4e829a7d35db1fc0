package openai

import (
	"context"
	"fmt"

	"infernet.tech/infernet/node/infer"
)

// Inferer asks models that this node or others serve; *infer.Router is one.
// Errors of Do are *openai.Error of exec/engine/openai where they are meant
// for the caller; others are answered as a 500 without their text. Cancelling
// ctx, or closing the body, ends the work at the provider.
type Inferer interface {
	Do(ctx context.Context, req infer.Request) (*infer.Response, error)
	Models(ctx context.Context) ([]infer.ModelInfo, error)
}

// price is what the tokens of an answer cost, as X-Infernet-Price carries it.
func price(r *infer.Response) string {
	return fmt.Sprintf("in=%d, out=%d, per=1000000, unit=%s", r.PriceIn, r.PriceOut, r.Unit)
}

// id is what clients call a model.
func id(m infer.ModelInfo) string {
	if m.Name != "" {
		return m.Name
	}
	return m.CID
}
