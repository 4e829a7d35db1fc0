package nwctest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip04"
	"github.com/nbd-wtf/go-nostr/nip44"

	"infernet.tech/infernet/payments/lightning/ln"
)

// Methods are all that a wallet can serve.
var Methods = []string{
	"get_info", "get_balance", "make_invoice", "lookup_invoice", "pay_invoice",
	"make_hold_invoice", "settle_hold_invoice", "cancel_hold_invoice",
}

// Wallet serves one connection to a node.
type Wallet struct {
	Node    ln.Node
	Methods []string
	relay   *Relay
	secret  string // the wallet's key
	app     string // the connection's
	modern  bool   // it knows NIP-44

	mu     sync.Mutex
	away   bool
	heard  int
	mangle func(method string, answer map[string]any) map[string]any
	served map[string]int
}

// NewWallet puts a wallet on the relay; modern ones know NIP-44, others NIP-04
// only and name no encryption.
func NewWallet(r *Relay, node ln.Node, modern bool) *Wallet {
	w := &Wallet{Node: node, Methods: Methods, relay: r, secret: nostr.GeneratePrivateKey(), app: nostr.GeneratePrivateKey(), modern: modern, served: map[string]int{}}
	r.mu.Lock()
	r.wallets = append(r.wallets, w.receive)
	r.mu.Unlock()
	w.Describe()
	return w
}

// Describe has the relay keep what the wallet says of itself.
func (w *Wallet) Describe() {
	e := nostr.Event{Kind: 13194, CreatedAt: nostr.Now(), Content: strings.Join(w.Methods, " ")}
	if w.modern {
		e.Tags = nostr.Tags{{"encryption", "nip44_v2 nip04"}}
	}
	if e.Sign(w.secret) == nil {
		w.relay.Put(e)
	}
}

// URI is what the wallet's owner hands out.
func (w *Wallet) URI() string {
	pub, _ := nostr.GetPublicKey(w.secret)
	return fmt.Sprintf("nostr+walletconnect://%s?relay=%s&secret=%s", pub, w.relay.URL(), w.app)
}

// Away makes the wallet hear nothing, or ends that; what it missed it serves
// then, unless it has expired.
func (w *Wallet) Away(on bool) {
	w.mu.Lock()
	w.away = on
	w.mu.Unlock()
	if on {
		return
	}
	w.relay.mu.Lock()
	missed := slices.Clone(w.relay.events)
	w.relay.mu.Unlock()
	for _, e := range missed {
		go w.receive(e)
	}
}

// Mangle changes answers before they are sealed; nil from it is no answer.
func (w *Wallet) Mangle(f func(method string, answer map[string]any) map[string]any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mangle = f
}

// Served counts the requests of a method that were carried out.
func (w *Wallet) Served(method string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.served[method]
}

// Heard counts the requests that reached the wallet, read or not.
func (w *Wallet) Heard() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard
}

// receive serves a request once.
func (w *Wallet) receive(e nostr.Event) {
	us, _ := nostr.GetPublicKey(w.secret)
	app, _ := nostr.GetPublicKey(w.app)
	if tag := e.Tags.Find("p"); e.Kind != 23194 || e.PubKey != app || len(tag) < 2 || tag[1] != us {
		return
	}
	w.mu.Lock()
	w.heard++
	w.mu.Unlock()
	if tag := e.Tags.Find("expiration"); len(tag) > 1 {
		if until, err := strconv.ParseInt(tag[1], 10, 64); err != nil || time.Now().Unix() > until {
			return
		}
	}
	w.mu.Lock()
	if w.away || w.served[e.ID] > 0 {
		w.mu.Unlock()
		return
	}
	w.served[e.ID]++
	mangle := w.mangle
	w.mu.Unlock()
	tag := e.Tags.Find("encryption")
	modern := len(tag) > 1 && tag[1] == "nip44_v2"
	text, err := w.crypt(e.Content, app, modern, false)
	var req struct {
		Method string
		Params json.RawMessage
	}
	if err != nil || modern != w.modern || json.Unmarshal([]byte(text), &req) != nil {
		return
	}
	answer := w.answer(req.Method, req.Params)
	if mangle != nil {
		if answer = mangle(req.Method, answer); answer == nil {
			return
		}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return
	}
	sealed, err := w.crypt(string(body), app, modern, true)
	if err != nil {
		return
	}
	out := nostr.Event{Kind: 23195, CreatedAt: nostr.Now(), Content: sealed, Tags: nostr.Tags{{"p", app}, {"e", e.ID}}}
	if out.Sign(w.secret) == nil {
		w.relay.Put(out)
	}
}

func (w *Wallet) crypt(text, app string, modern, seal bool) (string, error) {
	if modern {
		key, err := nip44.GenerateConversationKey(app, w.secret)
		if err != nil {
			return "", err
		}
		if seal {
			return nip44.Encrypt(text, key)
		}
		return nip44.Decrypt(text, key)
	}
	key, err := nip04.ComputeSharedSecret(app, w.secret)
	if err != nil {
		return "", err
	}
	if seal {
		return nip04.Encrypt(text, key)
	}
	return nip04.Decrypt(text, key)
}

func (w *Wallet) answer(method string, params json.RawMessage) map[string]any {
	w.mu.Lock()
	w.served[method]++
	w.mu.Unlock()
	result, err := w.serve(method, params)
	if err == nil {
		return map[string]any{"result_type": method, "result": result}
	}
	word := "INTERNAL"
	for code, target := range map[string]error{
		"NOT_FOUND": ln.ErrNotFound, "NOT_IMPLEMENTED": ln.ErrUnsupported, "PAYMENT_FAILED": ln.ErrFailed, "RESTRICTED": ln.ErrDenied,
	} {
		if errors.Is(err, target) {
			word = code
		}
	}
	return map[string]any{"result_type": method, "error": map[string]string{"code": word, "message": err.Error()}}
}

// serve carries a method out.
func (w *Wallet) serve(method string, raw json.RawMessage) (any, error) {
	var p struct {
		Invoice, Preimage string
		Amount            uint64
		DescriptionHash   string `json:"description_hash"`
		PaymentHash       string `json:"payment_hash"`
		Expiry            int64
		MinCLTV           uint32 `json:"min_cltv_expiry_delta"`
	}
	if !slices.Contains(w.Methods, method) {
		return nil, ln.ErrUnsupported
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	ctx := context.Background()
	spec := ln.InvoiceSpec{AmountMsat: p.Amount, DescriptionHash: ln.Hash(hash(p.DescriptionHash)), Expiry: time.Duration(p.Expiry) * time.Second, CLTVExpiry: p.MinCLTV}
	switch method {
	case "get_info":
		i, err := w.Node.Info(ctx)
		return map[string]any{"alias": i.Alias, "pubkey": i.PubKey.String(), "network": i.Network, "block_height": i.Height, "methods": w.Methods}, err
	case "get_balance":
		b, err := w.Node.Balance(ctx)
		return map[string]any{"balance": b.LocalMsat}, err
	case "make_invoice":
		inv, err := w.Node.CreateInvoice(ctx, spec)
		return made(inv, spec), err
	case "make_hold_invoice":
		inv, err := w.Node.CreateHold(ctx, ln.HoldSpec{InvoiceSpec: spec, Hash: hash(p.PaymentHash)})
		return made(inv, spec), err
	case "settle_hold_invoice":
		return struct{}{}, w.Node.Settle(ctx, ln.Preimage(hash(p.Preimage)))
	case "cancel_hold_invoice":
		return struct{}{}, w.Node.Cancel(ctx, hash(p.PaymentHash))
	case "lookup_invoice":
		return w.lookup(ctx, hash(p.PaymentHash))
	}
	paid, err := w.Node.Pay(ctx, ln.PaySpec{Bolt11: p.Invoice, FeeLimitMsat: 10_000, Timeout: time.Minute})
	return map[string]any{"preimage": hex.EncodeToString(paid.Preimage[:]), "fees_paid": paid.FeeMsat}, err
}

func made(inv ln.Invoice, spec ln.InvoiceSpec) map[string]any {
	return map[string]any{
		"type": "incoming", "state": "pending", "invoice": inv.Bolt11, "payment_hash": inv.Hash.String(),
		"amount": spec.AmountMsat, "expires_at": inv.ExpiresAt.Unix(), "created_at": time.Now().Unix(),
	}
}

func (w *Wallet) lookup(ctx context.Context, h ln.Hash) (any, error) {
	if s, err := w.Node.Lookup(ctx, h); err == nil {
		out := map[string]any{"type": "incoming", "payment_hash": h.String(), "amount": s.AmountMsat, "expires_at": s.ExpiresAt.Unix()}
		out["state"] = map[ln.State]string{ln.Open: "pending", ln.Accepted: "accepted", ln.Settled: "settled", ln.Canceled: "failed"}[s.State]
		if s.State == ln.Settled {
			out["preimage"] = hex.EncodeToString(s.Preimage[:])
		}
		return out, nil
	}
	p, err := w.Node.Track(ctx, h)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"type": "outgoing", "payment_hash": h.String(), "amount": p.AmountMsat, "fees_paid": p.FeeMsat}
	out["state"] = map[ln.State]string{ln.InFlight: "pending", ln.Succeeded: "settled", ln.Failed: "failed"}[p.State]
	if p.State == ln.Succeeded {
		out["preimage"] = hex.EncodeToString(p.Preimage[:])
	}
	return out, nil
}

func hash(s string) (h ln.Hash) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		rand.Read(h[:]) // of nothing
		return h
	}
	copy(h[:], b)
	return h
}
