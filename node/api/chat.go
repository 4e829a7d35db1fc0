package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/payments"
)

// Chat is one question to a model that somebody serves, with all that was said
// before it.
type Chat struct {
	Model       string
	Messages    []oai.Message
	MaxTokens   int      // 0: as the engine does
	Temperature *float64 // nil: as the engine does
	Seed        *int64
	MaxPriceIn  string // most per million input tokens, as payments.ParsePrice reads it; "": the node's default
	MaxPriceOut string // most per million output tokens; "": the node's default
	TokenIDs    bool   // ask for the numbers of the answer's tokens
	Session     string // keeps a conversation at one provider; "" as the node sees fit
}

// Reply is what came of a Chat.
type Reply struct {
	Model    string    `json:"model"`
	Answer   string    `json:"answer"`
	Finish   string    `json:"finish"`          // stop, length, tool_calls
	Provider string    `json:"provider"`        // npub
	Lease    string    `json:"lease,omitempty"` // "" when free
	Label    string    `json:"label"`           // how far the answer is checked
	Usage    oai.Usage `json:"usage"`
	Cost     Amount    `json:"cost"`     // what the tokens cost by themselves
	FirstMS  int64     `json:"first_ms"` // to the first words
	TotalMS  int64     `json:"total_ms"`
	TokenIDs []int     `json:"token_ids,omitempty"` // those that the provider told, in order
}

// maxReplyEvent bounds one event of the node's own stream.
const maxReplyEvent = 2 << 20

// Chat asks a model and passes its words on as they come, reasoning left out.
// What was said until an error is in the Reply.
func (c *Client) Chat(ctx context.Context, q Chat, words func(string)) (Reply, error) {
	began := time.Now()
	body, err := q.body()
	if err != nil {
		return Reply{}, err
	}
	resp, err := c.openai(ctx, body, q)
	if err != nil {
		return Reply{Model: q.Model}, err
	}
	defer func() { _ = resp.Body.Close() }()
	out := Reply{Model: q.Model, Provider: resp.Header.Get("X-Infernet-Provider"), Lease: resp.Header.Get("X-Infernet-Lease"), Label: resp.Header.Get("X-Infernet-Verified")}
	err = out.read(resp.Body, q.TokenIDs, func(text string) {
		if out.FirstMS == 0 {
			out.FirstMS = max(1, time.Since(began).Milliseconds())
		}
		if words != nil {
			words(text)
		}
	})
	out.TotalMS = time.Since(began).Milliseconds()
	out.Cost = cost(resp.Header.Get("X-Infernet-Price"), out.Usage)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out, err
}

func (q Chat) body() ([]byte, error) {
	r := oai.ChatRequest{Model: q.Model, Messages: q.Messages}
	r.Stream, r.StreamOptions = true, &oai.StreamOptions{IncludeUsage: true}
	r.Temperature, r.Seed = q.Temperature, q.Seed
	r.ReturnTokenIDs = q.TokenIDs
	if q.MaxTokens > 0 {
		r.MaxTokens = &q.MaxTokens
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode question: %w", err)
	}
	return raw, nil
}

// openai posts a chat to the node's face.
func (c *Client) openai(ctx context.Context, body []byte, q Chat) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.file.Addr+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the node: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.file.Token)
	req.Header.Set("Content-Type", "application/json")
	if q.Session != "" {
		req.Header.Set("X-Infernet-Session", q.Session)
	}
	for name, price := range map[string]string{"X-Infernet-Max-Price-In": q.MaxPriceIn, "X-Infernet-Max-Price-Out": q.MaxPriceOut} {
		if price != "" {
			req.Header.Set(name, price)
		}
	}
	return c.send(ctx, req)
}

// send is do for the paths of the face, whose failures have OpenAI's shape.
func (c *Client) send(ctx context.Context, req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && refused(err):
		return nil, fmt.Errorf("%w: nothing listens on %s", ErrNotRunning, c.file.Addr)
	case err != nil:
		return nil, fmt.Errorf("ask the node: %w", err)
	case resp.StatusCode/100 == 2:
		return resp, nil
	}
	defer drain(resp.Body)
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read the node's answer: %w", err)
	}
	return nil, asked(oai.ReadError(resp.StatusCode, raw))
}

// asked is a failure of the face in the codes of this API.
func asked(e *oai.Error) *Error {
	out := &Error{Code: CodeInternal, Message: e.Message}
	switch {
	case e.Code == oai.CodeModelNotFound:
		out.Code, out.Hint = CodeNoProvider, "infernet provider search shows who serves what; infernet run --job brings a model of yours along"
	case e.Status == http.StatusUnauthorized:
		out.Code = CodeUnauthorized
	case e.Status == http.StatusForbidden:
		out.Code = CodeForbidden
	case e.Status == http.StatusNotFound:
		out.Code = CodeNotFound
	case e.Status == http.StatusRequestEntityTooLarge:
		out.Code = CodeTooLarge
	case e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests:
		out.Code, out.Hint = CodeNoProvider, "try again in a moment"
	case e.Status == http.StatusPaymentRequired || e.Status == http.StatusBadGateway:
		out.Code = CodeRefused
	case e.Status == http.StatusGatewayTimeout || e.Status == http.StatusRequestTimeout:
		out.Code = CodeTimeout
	case e.Status/100 == 4:
		out.Code = CodeBadRequest
	}
	return out
}

// read takes the events of an answer to its end; with ids the numbers of its
// tokens too, which a node may ask for by itself.
func (r *Reply) read(body io.Reader, ids bool, words func(string)) error {
	events := oai.NewEventReader(body, maxReplyEvent)
	var said strings.Builder
	defer func() { r.Answer = said.String() }()
	for {
		ev, err := events.Next()
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("%w: the answer was cut short", ErrStreamCut)
		case err != nil:
			return fmt.Errorf("read the node's answer: %w", err)
		case ev.Done():
			return nil
		case len(ev.Data) == 0:
			continue
		}
		var chunk struct {
			oai.ChatChunk
			Error json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(ev.Data, &chunk); err != nil {
			return fmt.Errorf("read the node's answer: %w", err)
		}
		if len(chunk.Error) > 0 {
			return asked(oai.ReadError(http.StatusBadGateway, ev.Data))
		}
		if chunk.Usage != nil {
			r.Usage = *chunk.Usage
		}
		for _, ch := range chunk.Choices {
			if ids {
				r.TokenIDs = append(r.TokenIDs, ch.TokenIDs...)
			}
			if ch.Delta.Content != nil && *ch.Delta.Content != "" {
				said.WriteString(*ch.Delta.Content)
				words(*ch.Delta.Content)
			}
			if ch.FinishReason != nil {
				r.Finish = *ch.FinishReason
			}
		}
	}
}

// cost is the price of tokens at the rate of the header X-Infernet-Price; zero
// credits when nothing is to be paid.
func cost(header string, u oai.Usage) Amount {
	var in, out, per uint64
	var unit string
	if n, err := fmt.Sscanf(header, "in=%d, out=%d, per=%d, unit=%s", &in, &out, &per, &unit); n != 4 || err != nil {
		return Amount{Unit: string(payments.Credits)}
	}
	rate := payments.TokenRate{In: in, Out: out, Unit: payments.Unit(unit)}
	a, err := payments.PriceTokens(rate, uint64(max(u.PromptTokens, 0)), uint64(max(u.CompletionTokens, 0)))
	if err != nil {
		return Amount{Unit: unit}
	}
	return Amount{Amount: a.Value, Unit: string(a.Unit)}
}

// ModelsServed lists the models that somebody serves now, as OpenAI's clients
// see them.
func (c *Client) ModelsServed(ctx context.Context) ([]oai.Model, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.file.Addr+"/v1/models", nil)
	if err != nil {
		return nil, fmt.Errorf("ask the node: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.file.Token)
	resp, err := c.send(ctx, req)
	if err != nil {
		return nil, err
	}
	defer drain(resp.Body)
	var list oai.ModelList
	if err := json.NewDecoder(io.LimitReader(resp.Body, 8<<20)).Decode(&list); err != nil {
		return nil, fmt.Errorf("read the node's answer: %w", err)
	}
	return list.Data, nil
}
