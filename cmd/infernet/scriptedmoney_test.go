package main

import (
	"context"
	"encoding/json"

	"infernet.tech/infernet/node/api"
)

// scriptedMoney is a node with a Lightning wallet and one of everything; names
// that a stranger chose are hostile.
type scriptedMoney struct{}

func msat(n uint64) api.Amount { return api.Amount{Amount: n, Unit: "msat"} }

func (scriptedMoney) Balances(context.Context) ([]api.Balance, error) {
	return []api.Balance{
		{Rail: "credit", Peer: someNpub, Unit: "credits", Paid: 9, Limit: 100},
		{Rail: "lightning", Peer: someNpub, Unit: "msat", Received: 90_000, Exposure: 1500, Limit: 200_000, Dispute: evilText},
	}, nil
}

func (scriptedMoney) Payments(_ context.Context, q api.PaymentQuery) ([]api.Payment, error) {
	if q.State == "held" {
		return nil, nil
	}
	return []api.Payment{{
		Ref: "ab12/0/1", Rail: "lightning", Direction: "in", Peer: someNpub, Amount: msat(90_500), State: "captured",
		Memo: "=HYPERLINK(1)" + evilText, AtMS: 1_700_000_000_000,
	}}, nil
}

func (scriptedMoney) Payment(_ context.Context, ref, peer string) (api.PaymentDetail, error) {
	if ref != "ab12/0/1" || peer != "" && peer != someNpub {
		return api.PaymentDetail{}, api.Errorf(api.CodeNotFound, "infernet payments list shows all", "no payment %q", ref)
	}
	return api.PaymentDetail{
		Payment: api.Payment{Ref: ref, Rail: "lightning", Direction: "in", Peer: someNpub, Amount: msat(90_500), State: "captured", Memo: "shard 0"},
		Reason:  evilText, Tries: 1, Doc: json.RawMessage(`{}`), Answer: json.RawMessage(`{}`),
		Steps: []api.PaymentStep{{AtMS: 1_700_000_000_000, State: "captured", Why: "note 1 countersigned"}},
	}, nil
}

func (scriptedMoney) Earnings(_ context.Context, by string) ([]api.Earning, error) {
	return []api.Earning{{Key: "2026-01-02", Rail: "lightning", Unit: "msat", Earned: 90_500, Count: 1}}, nil
}

func (scriptedMoney) Reconcile(context.Context) ([]api.Reconciled, error) {
	return []api.Reconciled{
		{Rail: "credit", Entries: 4, TookMS: 3, Differences: []api.Difference{}},
		{Rail: "lightning", Entries: 2, TookMS: 12, Differences: []api.Difference{{
			Ref: "settle/1", Peer: someNpub, Kind: "unknown", What: "an invoice was sent and not answered for",
			Certain: "it is paid at most once", Doing: "the node asks its wallet until it knows", Amount: msat(60_000),
		}}},
	}, nil
}

func (scriptedMoney) Wallets(context.Context) ([]api.Wallet, error) {
	return []api.Wallet{
		{Rail: "credit", Unit: "credits", State: "ready"},
		{Rail: "lightning", Unit: "msat", Connected: true, State: "ready", Driver: "lnd", Network: "simnet", Account: "02ab", Advice: "a smaller macaroon does", Spendable: msat(2_000_000), PerDay: msat(0)},
	}, nil
}

func (m scriptedMoney) Connect(ctx context.Context, req api.ConnectRequest) (api.Wallet, error) {
	if req.LND == "127.0.0.1:1" {
		return api.Wallet{}, api.Errorf(api.CodeRefused, "is lnd running there?", "the node cannot be reached")
	}
	all, err := m.Wallets(ctx)
	return all[1], err
}

func (scriptedMoney) Movements(context.Context, string) ([]api.Movement, error) {
	return []api.Movement{{
		AtMS: 1_700_000_000_000, Rail: "lightning", Kind: "settlement", Ref: "settle/1", Peer: someNpub,
		Amount: msat(60_000), State: "captured", Memo: evilText,
	}}, nil
}

func (scriptedMoney) Channels(context.Context) ([]api.MoneyChannel, error) {
	return []api.MoneyChannel{{
		Rail: "lightning", ID: "aa:0", Peer: evilText, Role: "both", State: "open", Capacity: msat(5_000_000), Spent: msat(0), Left: msat(5_000_000),
	}}, nil
}

func (m scriptedMoney) Open(ctx context.Context, _ api.OpenRequest) (api.MoneyChannel, error) {
	all, err := m.Channels(ctx)
	return all[0], err
}

func (m scriptedMoney) TopUp(ctx context.Context, _ api.TopUpRequest) (api.MoneyChannel, error) {
	return m.Open(ctx, api.OpenRequest{})
}

func (m scriptedMoney) Close(ctx context.Context, req api.CloseRequest) (api.MoneyChannel, error) {
	if req.Channel != "aa:0" {
		return api.MoneyChannel{}, api.Errorf(api.CodeNotFound, "infernet wallet channels lists them", "no channel %q", req.Channel)
	}
	return m.Open(ctx, api.OpenRequest{})
}
