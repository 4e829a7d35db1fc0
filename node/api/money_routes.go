package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// maxPayments is how many entries are listed where no number is asked for.
const maxPayments = 1000

func (s *Server) moneyRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/balance", answer(func(r *http.Request) ([]Balance, error) {
		return s.b.Money.Balances(r.Context())
	}))
	mux.HandleFunc("GET /api/payments", answer(func(r *http.Request) ([]Payment, error) {
		q, err := paymentQuery(r.URL.Query())
		if err != nil {
			return nil, err
		}
		return s.b.Money.Payments(r.Context(), q)
	}))
	// A ref has slashes in it.
	mux.HandleFunc("GET /api/payment", answer(func(r *http.Request) (PaymentDetail, error) {
		return s.b.Money.Payment(r.Context(), r.URL.Query().Get("ref"), r.URL.Query().Get("peer"))
	}))
	mux.HandleFunc("GET /api/earnings", answer(func(r *http.Request) ([]Earning, error) {
		by := r.URL.Query().Get("by")
		if by != "job" && by != "peer" && by != "day" {
			return nil, Errorf(CodeBadRequest, "one of: job, peer, day", "by: %q is not possible", cut(by))
		}
		return s.b.Money.Earnings(r.Context(), by)
	}))
	mux.HandleFunc("POST /api/reconcile", answer(func(r *http.Request) ([]Reconciled, error) {
		return s.b.Money.Reconcile(r.Context())
	}))
	mux.HandleFunc("GET /api/wallets", answer(func(r *http.Request) ([]Wallet, error) {
		return s.b.Money.Wallets(r.Context())
	}))
	mux.HandleFunc("POST /api/wallets", answerTo(func(r *http.Request, req ConnectRequest) (Wallet, error) {
		return s.b.Money.Connect(r.Context(), req)
	}))
	mux.HandleFunc("GET /api/movements", answer(func(r *http.Request) ([]Movement, error) {
		return s.b.Money.Movements(r.Context(), r.URL.Query().Get("rail"))
	}))
	mux.HandleFunc("GET /api/channels", answer(func(r *http.Request) ([]MoneyChannel, error) {
		return s.b.Money.Channels(r.Context())
	}))
	mux.HandleFunc("POST /api/channels", answerTo(func(r *http.Request, req OpenRequest) (MoneyChannel, error) {
		return s.b.Money.Open(r.Context(), req)
	}))
	mux.HandleFunc("POST /api/channels/topup", answerTo(func(r *http.Request, req TopUpRequest) (MoneyChannel, error) {
		return s.b.Money.TopUp(r.Context(), req)
	}))
	mux.HandleFunc("POST /api/channels/close", answerTo(func(r *http.Request, req CloseRequest) (MoneyChannel, error) {
		return s.b.Money.Close(r.Context(), req)
	}))
}

func paymentQuery(v url.Values) (PaymentQuery, error) {
	q := PaymentQuery{
		Rail: v.Get("rail"), Direction: v.Get("direction"), State: v.Get("state"),
		Peer: v.Get("peer"), Job: v.Get("job"), Open: v.Get("open") == "true", Max: maxPayments,
	}
	if text := v.Get("max"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return q, Errorf(CodeBadRequest, "", "max: %q is no number above zero", cut(text))
		}
		q.Max = n
	}
	return q, nil
}

// Balances lists how this node stands with its peers.
func (c *Client) Balances(ctx context.Context) (out []Balance, err error) {
	return out, c.get(ctx, "/api/balance", &out)
}

// Payments lists the journal, newest first.
func (c *Client) Payments(ctx context.Context, q PaymentQuery) (out []Payment, err error) {
	v := url.Values{}
	for name, text := range map[string]string{"rail": q.Rail, "direction": q.Direction, "state": q.State, "peer": q.Peer, "job": q.Job} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if q.Open {
		v.Set("open", "true")
	}
	if q.Max > 0 {
		v.Set("max", strconv.Itoa(q.Max))
	}
	return out, c.get(ctx, "/api/payments?"+v.Encode(), &out)
}

// Payment shows one entry of the journal and how it came to be as it is: that of
// ref with the peer, an npub, or with anyone where it is "".
func (c *Client) Payment(ctx context.Context, ref, peer string) (out PaymentDetail, err error) {
	q := url.Values{"ref": {ref}}
	if peer != "" {
		q.Set("peer", peer)
	}
	return out, c.get(ctx, "/api/payment?"+q.Encode(), &out)
}

// Earnings adds up what came in and went out, by job, peer or day.
func (c *Client) Earnings(ctx context.Context, by string) (out []Earning, err error) {
	return out, c.get(ctx, "/api/earnings?"+url.Values{"by": {by}}.Encode(), &out)
}

// Reconcile compares the journal with the rails and the receipts.
func (c *Client) Reconcile(ctx context.Context) (out []Reconciled, err error) {
	return out, c.post(ctx, "/api/reconcile", nil, &out)
}

// Wallets lists the rails and the money behind them.
func (c *Client) Wallets(ctx context.Context) (out []Wallet, err error) {
	return out, c.get(ctx, "/api/wallets", &out)
}

// Connect puts money behind a rail.
func (c *Client) Connect(ctx context.Context, req ConnectRequest) (out Wallet, err error) {
	return out, c.post(ctx, "/api/wallets", req, &out)
}

// Movements lists what moved on the rails themselves, newest first.
func (c *Client) Movements(ctx context.Context, rail string) (out []Movement, err error) {
	return out, c.get(ctx, "/api/movements?"+url.Values{"rail": {rail}}.Encode(), &out)
}

// Channels lists the channels that money is paid through.
func (c *Client) Channels(ctx context.Context) (out []MoneyChannel, err error) {
	return out, c.get(ctx, "/api/channels", &out)
}

// Open opens a channel.
func (c *Client) Open(ctx context.Context, req OpenRequest) (out MoneyChannel, err error) {
	return out, c.post(ctx, "/api/channels", req, &out)
}

// TopUp adds to a channel.
func (c *Client) TopUp(ctx context.Context, req TopUpRequest) (out MoneyChannel, err error) {
	return out, c.post(ctx, "/api/channels/topup", req, &out)
}

// Close closes a channel.
func (c *Client) Close(ctx context.Context, req CloseRequest) (out MoneyChannel, err error) {
	return out, c.post(ctx, "/api/channels/close", req, &out)
}
