package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// bigBytes is a body that no engine should take.
const bigBytes = 64 << 20

// shaped wants a refusal in the shape of the API with one of these codes.
func shaped(status int, body []byte, codes ...int) error {
	good := false
	for _, c := range codes {
		good = good || c == status
	}
	if !good {
		return fmt.Errorf("status %d, want one of %v; %.200q", status, codes, body)
	}
	var e struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(body, &e); err != nil || e.Error.Message == "" {
		return fmt.Errorf(`status %d without {"error":{"message":…}}: %.200q`, status, body)
	}
	return nil
}

// refused posts a chat and wants it refused.
func (p *probe) refused(ctx context.Context, changes object, codes ...int) error {
	status, body, err := p.post(ctx, "/v1/chat/completions", p.ask(changes))
	if err != nil {
		return err
	}
	return shaped(status, body, codes...)
}

// missingModel keeps requests from being answered, and paid for, by a model
// that nobody asked for.
func missingModel(ctx context.Context, p *probe) error {
	return p.refused(ctx, object{"model": "there-is-no-such-model"}, http.StatusNotFound, http.StatusBadRequest)
}

// badJSON is cut in the middle.
func badJSON(ctx context.Context, p *probe) error {
	status, body, err := p.send(ctx, http.MethodPost, "/v1/chat/completions", strings.NewReader(`{"model": "x", "messages": [`))
	if err != nil {
		return err
	}
	return shaped(status, body, http.StatusBadRequest, http.StatusUnprocessableEntity)
}

// badParameter is of a wrong type.
func badParameter(ctx context.Context, p *probe) error {
	return p.refused(ctx, object{"temperature": "hot"}, http.StatusBadRequest, http.StatusUnprocessableEntity)
}

// noMessages leaves nothing to answer.
func noMessages(ctx context.Context, p *probe) error {
	return p.refused(ctx, object{"messages": []object{}}, http.StatusBadRequest, http.StatusUnprocessableEntity)
}

// badSchema is refused before the first token, not found out after it.
func badSchema(ctx context.Context, p *probe) error {
	format := object{"type": "json_schema", "json_schema": object{"name": "x", "schema": "no schema"}}
	return p.refused(ctx, object{"response_format": format}, http.StatusBadRequest, http.StatusUnprocessableEntity)
}

// longPrompt is refused, and costs nobody anything.
func longPrompt(ctx context.Context, p *probe) error {
	if p.o.Context <= 0 {
		return errors.New("the context is not known: neither an option nor max_model_len of /v1/models")
	}
	// A word is at least one token. Beyond four million bytes the size is what
	// is refused, which is right too.
	words := min(p.o.Context+p.o.Context/8+16, 1<<20)
	long := strings.Repeat("yes ", words)
	err := p.refused(ctx, object{"messages": []object{{"role": "user", "content": long}}}, http.StatusBadRequest, http.StatusRequestEntityTooLarge)
	if err != nil {
		return err
	}
	return health(ctx, p)
}

// bigBody may be refused by an answer or by a closed connection.
func bigBody(ctx context.Context, p *probe) error {
	head := `{"model":"` + p.o.Model + `","messages":[{"role":"user","content":"`
	body := io.MultiReader(strings.NewReader(head), io.LimitReader(blanks{}, bigBytes), strings.NewReader(`"}]}`))
	status, said, err := p.send(ctx, http.MethodPost, "/v1/chat/completions", body)
	if err == nil && (status < 400 || status >= 500) {
		return fmt.Errorf("a body of %d bytes gets status %d, %.100q", bigBytes, status, said)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return health(ctx, p)
}

// blanks is text without end.
type blanks struct{}

func (blanks) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = "no "[i%3]
	}
	return len(b), nil
}
