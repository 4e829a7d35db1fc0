package node

import (
	"context"
	"net/http"
	"strings"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/node/openai"
	"infernet.tech/infernet/store"
)

// composeInference builds what every node has for its owner: the router that
// finds who serves a model, and the faces that other programs' clients speak
// to.
func (n *Node) composeInference() (err error) {
	if n.measured, err = openMeasurements(store.Prefix(n.db, "measured/")); err != nil {
		return err
	}
	n.vocab = newVocabularies(n.lib, n.holders, n.log.With("in", "tokens"))
	var audits infer.Trust // nil: none
	if n.cfg.Trust.AuditAnswers {
		audits = n.trust
	}
	n.router, err = infer.New(n.inference, infer.Deps{
		Trust: audits, LocalImage: n.localImage, LocalClass: exec.Host().Class(), Apart: n.agg.Apart,
		Key: n.key, Store: store.Prefix(n.db, "infer/"), Peers: infer.Over(n.host), Market: n.dht,
		Rail: payingRail(n.rails, n.cfg.Pay), Ready: n.canPay, Ledger: scored{n.book, n.trust}, Tokens: n.vocab.of, Local: n.local, LocalModels: n.localModels,
		Alias: n.alias, Penalise: n.host.Penalise, Log: n.log.With("in", "infer"), Now: time.Now,
	})
	if err != nil {
		return err
	}
	conf := openai.Default()
	conf.Dir = n.cfg.path("files")
	n.face, err = openai.New(conf, openai.Deps{
		Infer: n.router, Jobs: jobsBackend{n}, Content: contentBackend{n},
		Store: store.Prefix(n.db, "openai/"), Now: time.Now, Log: n.log.With("in", "openai"),
	})
	return err
}

// local serves the owner's own requests to what this node serves itself. It is
// asked only once everything is composed.
func (n *Node) local(model string) (http.RoundTripper, bool) { return n.serves.Local(model) }

func (n *Node) localModels() []infer.ModelInfo {
	var out []infer.ModelInfo
	for _, m := range n.serves.Serves() {
		out = append(out, infer.ModelInfo{
			Name: m.Name, CID: m.CID, Providers: 1, Local: true, Context: m.Context,
			MinIn: m.Rates[0].In, MinOut: m.Rates[0].Out, Unit: string(m.Rates[0].Unit), Seen: n.started,
		})
	}
	return out
}

// localImage is the engine behind local.
func (n *Node) localImage(model string) string {
	for _, m := range n.serves.Serves() {
		if m.CID == model || strings.EqualFold(m.Name, model) {
			return m.Image
		}
	}
	return ""
}

// alias is what this node's owner calls a model.
func (n *Node) alias(name string) (cid string, ok bool) {
	e, err := n.lib.Lookup(content.Model, name)
	return e.CID, err == nil
}

// inferenceBackend shows leases to the owner.
type inferenceBackend struct{ n *Node }

var _ api.Inference = inferenceBackend{}

// Leases implements api.Inference.
func (b inferenceBackend) Leases(context.Context) ([]api.Lease, error) {
	all := b.n.router.Leases()
	out := make([]api.Lease, 0, len(all))
	for _, l := range all {
		v := api.Lease{
			ID: l.Lease.String(), Provider: l.Provider.String(), Model: l.Model, State: l.State, In: l.In, Out: l.Out, Unit: l.Unit,
			Budget: l.Budget, Spent: l.Spent, Paid: l.Paid, Windows: uint64(l.Windows), Requests: l.Requests,
			InTokens: l.InTokens, OutTokens: l.OutTokens, Active: l.Active, Since: l.Since, Reason: l.Reason,
		}
		if !l.Deadline.IsZero() {
			v.Deadline = &l.Deadline
		}
		out = append(out, v)
	}
	return out, nil
}

// LeaseReceipts implements api.Inference.
func (b inferenceBackend) LeaseReceipts(_ context.Context, id string) ([]api.Receipt, error) {
	// A provider keeps receipts by the lease's whole name.
	whole, err := b.leaseID(id)
	if err != nil {
		return nil, err
	}
	out, err := b.n.receipts(whole)
	if err == nil && len(out) == 0 {
		return nil, api.Errorf(api.CodeNotFound, "infernet lease list shows the leases of this node", "no lease %.64q", id)
	}
	return out, err
}
