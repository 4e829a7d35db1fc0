package polygon

import (
	"context"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments/account"
	"infernet.tech/infernet/payments/paymentstest"
)

func (w *world) fault(f paymentstest.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, f)
}

// dial opens a conn under the next fault; messages that are late arrive first.
func (w *world) dial(_ context.Context, from, to identity.PubKey) (account.Conn, error) {
	w.mu.Lock()
	late := w.late
	w.late = nil
	var f paymentstest.Fault
	if len(w.faults) > 0 {
		f, w.faults = w.faults[0], w.faults[1:]
	}
	peer := w.nodes[to]
	w.mu.Unlock()
	for _, arrive := range late {
		arrive()
	}
	if peer == nil {
		return nil, errRefused
	}
	serve := func(conn account.Conn) {
		w.served.Go(func() { _ = peer.now().ServeStream(context.Background(), from, conn) })
	}
	return paymentstest.Pipe(f, serve, func(arrive func()) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.late = append(w.late, arrive)
	})
}
