package infer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/p2p/identity"
)

// pathReplay is the engines' path of replays.
const pathReplay = "/infernet/replay"

// ReplayAt has an answer replayed by somebody who serves the model: by this
// node's own engine where it has one, else by a provider drawn at random, paid
// like any request. None of those in not is asked, nor who shares a key of
// Deps.Apart with one of them. It returns who replayed it; errors are those of
// Do.
func (r *Router) ReplayAt(ctx context.Context, model string, req openai.ReplayRequest, not []identity.PubKey) (openai.ReplayResponse, identity.PubKey, error) {
	out, err := r.replayAt(ctx, model, req, not, identity.PubKey{})
	if err != nil {
		return openai.ReplayResponse{}, identity.PubKey{}, asOpenAI(ctx, model, err)
	}
	return out.ReplayResponse, out.by, nil
}

// replay is an answered replay.
type replay struct {
	openai.ReplayResponse
	by    identity.PubKey
	image string // of the engine that replayed it; "" not known
	class string // of its hardware; "" not known
	cost  uint64 // in millionths of the rail's unit
}

// replayAt is ReplayAt; by only, where that is not zero.
func (r *Router) replayAt(ctx context.Context, model string, req openai.ReplayRequest, not []identity.PubKey, only identity.PubKey) (replay, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return replay{}, openai.BadRequest("", "cannot be written")
	}
	q, err := r.prepare(Request{Model: model, Path: pathReplay, Body: body})
	if err != nil {
		return replay{}, err
	}
	claimed := len(req.TokenIDs) + len(req.Completion) + 1
	q.least = replayBytes + claimed*tokenBytes
	q.session = "" // who answered it holds its cache, and is not to be asked
	any := only == identity.PubKey{}
	if self := r.d.Key.PubKey(); r.d.Local != nil && !slices.Contains(not, self) && (any || only == self) {
		if via, ok := r.d.Local(model); ok {
			a, err := r.local(ctx, q, via)
			out, err := r.replayed(a, err, claimed)
			if _, own := final(err); err == nil || own || ctx.Err() != nil {
				out.by = self
				if out.class = r.d.LocalClass; r.d.LocalImage != nil {
					out.image = r.d.LocalImage(model)
				}
				return out, err
			}
			r.log.Debug("own engine failed", "model", model, "err", err)
		}
	}
	w := &way{failed: map[identity.PubKey]bool{}}
	if err := r.chooseApart(ctx, q, w, not); err != nil {
		return replay{}, err
	}
	if !any {
		w.rest = slices.DeleteFunc(w.rest, func(t target) bool { return t.peer != only })
		if len(w.rest) == 0 {
			return replay{}, noProvider(model, "who began the replay is gone")
		}
	}
	first := w.rest[0].peer
	a, _, err := r.race(ctx, q, w.rest)
	out, err := r.replayed(a, err, claimed)
	if err != nil {
		out.by = first // who most likely said so
	}
	return out, err
}

// replayBytes and tokenBytes bound a replay: what is around its tokens, and each
// of them.
const (
	replayBytes = 64 << 10
	tokenBytes  = 2 << 10
)

// replayed reads the answer to a replay of so many tokens and ends it.
func (r *Router) replayed(a *answer, err error, tokens int) (replay, error) {
	if err != nil {
		return replay{}, err
	}
	a.finish()
	out := replay{by: a.t.peer, image: a.t.served.Image, class: a.t.class}
	if out.ReplayResponse, err = readReplay(a.whole, tokens); err != nil {
		return replay{}, err
	}
	if a.l != nil {
		r.health.worked(a.t.peer, r.now())
		out.cost = fine(a.l.Rate, a.used)
	}
	return out, nil
}

// readReplay decodes a replay of at most so many tokens: a stranger's list of
// empty ones would take fifty times its bytes in memory.
func readReplay(raw []byte, most int) (out openai.ReplayResponse, err error) {
	var parts struct {
		Tokens json.RawMessage `json:"tokens"`
		Text   string          `json:"text"`
		Usage  *openai.Usage   `json:"usage"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return out, errGarbage
	}
	out.Text, out.Usage = parts.Text, parts.Usage
	dec := json.NewDecoder(bytes.NewReader(parts.Tokens))
	if open, err := dec.Token(); err != nil || open != json.Delim('[') {
		return out, errGarbage
	}
	for dec.More() {
		var t openai.ReplayToken
		if len(out.Tokens) == most || dec.Decode(&t) != nil {
			return openai.ReplayResponse{}, errGarbage
		}
		out.Tokens = append(out.Tokens, t)
	}
	return out, nil
}

// chooseApart fills in the order in which providers that are independent of
// not are asked: at random, so that nobody can arrange to be asked.
func (r *Router) chooseApart(ctx context.Context, q *query, w *way, not []identity.PubKey) error {
	if err := r.ready(); err != nil {
		return err
	}
	v, err := r.see(ctx, q.Model)
	if err != nil {
		return err
	}
	k := r.rank(q, v)
	if len(k.ranked) == 0 {
		return r.nobody(q, k)
	}
	apart := r.keysOf(not)
	for _, one := range k.ranked {
		t := k.targets[one.Index]
		if !slices.Contains(not, t.peer) && !r.shares(t, apart) {
			w.rest = append(w.rest, t)
		}
	}
	if len(w.rest) == 0 {
		return noProvider(q.Model, "nobody who is independent of those who answered before serves it")
	}
	for i := len(w.rest) - 1; i > 0; i-- {
		j := int(r.rand() * float64(i+1))
		w.rest[i], w.rest[j] = w.rest[j], w.rest[i]
	}
	return r.affordable(q, w.rest[0])
}

// keysOf are what peers are told apart by.
func (r *Router) keysOf(peers []identity.PubKey) map[string]bool {
	out := map[string]bool{}
	if r.d.Apart != nil {
		for _, p := range peers {
			for _, key := range r.d.Apart(p) {
				out[key] = true
			}
		}
	}
	return out
}

func (r *Router) shares(t target, keys map[string]bool) bool {
	if r.d.Apart == nil || len(keys) == 0 {
		return false
	}
	return slices.ContainsFunc(r.d.Apart(t.peer), func(key string) bool { return keys[key] })
}

// asOpenAI is an error as Do returns it.
func asOpenAI(ctx context.Context, model string, err error) error {
	var e *openai.Error
	switch {
	case errors.As(err, &e):
		return e
	case ctx.Err() != nil:
		return &openai.Error{Status: statusGone, Type: openai.TypeInvalidRequest, Message: "the client went away"}
	}
	return noProvider(model, err.Error())
}
