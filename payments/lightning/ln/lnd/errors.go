package lnd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc"
)

// meanings of what lnd says where its code does not tell.
var meanings = []struct {
	text string
	is   error
	hint string
}{
	{"wallet locked", ln.ErrLocked, "unlock it with: lncli unlock"},
	{"wallet not created", ln.ErrLocked, "it has none yet; make one with: lncli create"},
	{"in the process of starting", ln.ErrStarting, "it serves when it has caught up with the chain; try again in a while"},
	{"waiting to start", ln.ErrStarting, "try again in a while"},

	{"permission denied", ln.ErrDenied, ""},
	{"verification failed", ln.ErrDenied, "the macaroon is another node's, or was revoked, or a condition in it does not hold"},
	{"cannot get macaroon", ln.ErrDenied, "the macaroon is another node's, or was revoked"},
	{"root key with id", ln.ErrDenied, "the macaroon was revoked"},

	{"unable to locate invoice", ln.ErrNotFound, ""},
	{"no existing invoices", ln.ErrNotFound, ""},
	{"edge not found", ln.ErrNotFound, ""},
	{"payment isn't initiated", ln.ErrNotFound, ""},
	{"payment hash already exists", ln.ErrExists, ""},
	{"invoice still open", ln.ErrNotAccepted, ""},
	{"invoice already settled", ln.ErrSettled, ""},
	{"invoice already canceled", ln.ErrCanceled, ""},
	{"invoice expired", ln.ErrInvoice, ""},
}

// explain turns an error of gRPC or of lnd into one of package ln's.
func (n *Node) explain(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s := status.Convert(err)
	text := fmt.Sprintf("%.300s", s.Message())
	for _, m := range meanings {
		if !strings.Contains(text, m.text) {
			continue
		}
		if m.is == ln.ErrDenied && m.hint == "" {
			return n.denied(method)
		}
		if m.hint != "" {
			return fmt.Errorf("%w: %s: %s", m.is, n.cfg.target(), m.hint)
		}
		return fmt.Errorf("%w: %s", m.is, text)
	}
	switch s.Code() {
	case codes.Unavailable:
		return n.unreached(text)
	case codes.DeadlineExceeded:
		return fmt.Errorf("%w: %s did not answer within %v", ln.ErrUnavailable, n.cfg.target(), n.cfg.Timeout)
	case codes.PermissionDenied, codes.Unauthenticated:
		return n.denied(method)
	case codes.NotFound:
		return fmt.Errorf("%w: %s", ln.ErrNotFound, text)
	case codes.Unimplemented:
		return n.unserved(ctx, method, text)
	}
	return fmt.Errorf("lnd at %s: %s: %s", n.cfg.target(), s.Code(), text)
}

// unreached tells a wrong certificate from a dead node: gRPC calls both
// unavailable.
func (n *Node) unreached(text string) error {
	if why := n.pin.last.Load(); why != nil {
		return fmt.Errorf("%w: %s: %s; connect again with the tls.cert of that node", ln.ErrCertificate, n.cfg.target(), *why)
	}
	return fmt.Errorf("%w: lnd at %s: %s", ln.ErrUnavailable, n.cfg.target(), text)
}

// denied says which right is missing and how to get it.
func (n *Node) denied(method string) error {
	needs := ""
	for _, m := range methods {
		if m.method == method && len(m.rights) > 0 {
			needs = ": it needs " + strings.Join(m.rights, " and ") + fmt.Sprintf(" (or uri:%s)", method)
		}
	}
	return fmt.Errorf("%w: the macaroon does not allow %s%s; bake one that does", ln.ErrDenied, method, needs)
}

// unserved tells a node that has not yet registered its services from one that
// was built without them.
func (n *Node) unserved(ctx context.Context, method, text string) error {
	if method == lnrpc.State_GetState_FullMethodName {
		return fmt.Errorf("%w: %s is not lnd, or too old: %s", ln.ErrUnsupported, n.cfg.target(), text)
	}
	state, err := n.state.GetState(ctx, &lnrpc.GetStateRequest{})
	if err != nil {
		return err
	}
	switch state.State {
	case lnrpc.WalletState_LOCKED:
		return fmt.Errorf("%w: %s: unlock it with: lncli unlock", ln.ErrLocked, n.cfg.target())
	case lnrpc.WalletState_NON_EXISTING:
		return fmt.Errorf("%w: %s: it has none yet; make one with: lncli create", ln.ErrLocked, n.cfg.target())
	case lnrpc.WalletState_SERVER_ACTIVE:
		return fmt.Errorf("%w: lnd at %s was built without %s (build tags invoicesrpc and routerrpc)", ln.ErrUnsupported, n.cfg.target(), method)
	}
	return fmt.Errorf("%w: %s: try again in a while", ln.ErrStarting, n.cfg.target())
}

// isAny reports whether err is one of those.
func isAny(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}
