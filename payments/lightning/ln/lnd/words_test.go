package lnd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lnd"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc/invoicesrpc"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc/routerrpc"
	"infernet.tech/infernet/payments/lightning/ln/lntest"
)

// parrot is a server that answers as lnd was heard to, where the real one cannot
// be brought to say it at the right moment.
type parrot struct {
	lnrpc.UnimplementedLightningServer
	lnrpc.UnimplementedStateServer
	invoicesrpc.UnimplementedInvoicesServer
	routerrpc.UnimplementedRouterServer

	info  error
	state lnrpc.WalletState
	pay   func(grpc.ServerStreamingServer[lnrpc.Payment]) error
	track func(grpc.ServerStreamingServer[lnrpc.Payment]) error
}

func (p *parrot) GetInfo(context.Context, *lnrpc.GetInfoRequest) (*lnrpc.GetInfoResponse, error) {
	return nil, p.info
}

func (p *parrot) GetState(context.Context, *lnrpc.GetStateRequest) (*lnrpc.GetStateResponse, error) {
	return &lnrpc.GetStateResponse{State: p.state}, nil
}

func (p *parrot) SendPaymentV2(_ *routerrpc.SendPaymentRequest, s grpc.ServerStreamingServer[lnrpc.Payment]) error {
	return p.pay(s)
}

func (p *parrot) TrackPaymentV2(_ *routerrpc.TrackPaymentRequest, s grpc.ServerStreamingServer[lnrpc.Payment]) error {
	return p.track(s)
}

// t0 is a time that no certificate here outlives.
func t0() time.Time { return time.Now().Add(time.Hour) }

// certificate makes one as lnd does: self-signed, for no name that we dial.
func certificate(t *testing.T, until time.Time) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"elsewhere"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, &key.PublicKey, key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// serve starts the parrot and returns a driver for it, and how to end it.
func (p *parrot) serve(t *testing.T) (*lnd.Node, *grpc.Server) {
	t.Helper()
	address, cert, s := listen(t, p)
	return connect(t, lnd.Config{Address: address, CertPEM: cert, Macaroon: macaroon(t), Timeout: patience}), s
}

// services are those of lnd that the driver calls.
type services interface {
	lnrpc.LightningServer
	lnrpc.StateServer
	invoicesrpc.InvoicesServer
	routerrpc.RouterServer
}

// listen serves p on loopback, and returns where and with what certificate.
func listen(t *testing.T, p services) (string, []byte, *grpc.Server) {
	t.Helper()
	cert, text := certificate(t, time.Now().Add(time.Hour))
	s := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
	lnrpc.RegisterLightningServer(s, p)
	lnrpc.RegisterStateServer(s, p)
	invoicesrpc.RegisterInvoicesServer(s, p)
	routerrpc.RegisterRouterServer(s, p)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go s.Serve(l)
	t.Cleanup(s.Stop)
	return l.Addr().String(), text, s
}

func connect(t *testing.T, cfg lnd.Config) *lnd.Node {
	t.Helper()
	n, err := lnd.New(cfg)
	must(t, err)
	t.Cleanup(func() { n.Close() })
	return n
}

func macaroon(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString(invoicesMacaroon)
	must(t, err)
	return b
}

// TestWords: what lnd says before it serves becomes an error that says what to
// do.
func TestWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		err   error
		state lnrpc.WalletState
		want  error
		hint  string
	}{
		{"locked", status.Error(codes.Unknown, "wallet locked, unlock it to enable full RPC access"), 0, ln.ErrLocked, "lncli unlock"},
		{"none", status.Error(codes.Unknown, "wallet not created, create one to enable full RPC access"), 0, ln.ErrLocked, "lncli create"},
		{"starting", status.Error(codes.Unknown, "the RPC server is in the process of starting up, but not yet ready to accept calls"), 0, ln.ErrStarting, "try again"},
		{"waiting", status.Error(codes.Unknown, "waiting to start, RPC services not available"), 0, ln.ErrStarting, "try again"},
		{"unserved, locked", status.Error(codes.Unimplemented, "unknown service lnrpc.Lightning"), lnrpc.WalletState_LOCKED, ln.ErrLocked, "lncli unlock"},
		{"unserved, starting", status.Error(codes.Unimplemented, "unknown service lnrpc.Lightning"), lnrpc.WalletState_UNLOCKED, ln.ErrStarting, "try again"},
		{"built without", status.Error(codes.Unimplemented, "unknown service lnrpc.Lightning"), lnrpc.WalletState_SERVER_ACTIVE, ln.ErrUnsupported, "build tags"},
		{"other root key", status.Error(codes.Unknown, "verification failed: signature mismatch after caveat verification"), 0, ln.ErrDenied, "another node's"},
		{"revoked", status.Error(codes.Unknown, "cannot get macaroon: root key with id 7 doesn't exist"), 0, ln.ErrDenied, "revoked"},
		{"right missing", status.Error(codes.Unknown, "permission denied"), 0, ln.ErrDenied, "info:read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n, _ := (&parrot{info: c.err, state: c.state}).serve(t)
			if _, err := n.Info(t.Context()); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.hint) {
				t.Errorf("Info: %v; want %v with %q", err, c.want, c.hint)
			}
		})
	}
}

// TestCertificates: only the very certificate will do, and it says why not.
func TestCertificates(t *testing.T) {
	t.Parallel()
	cert, text := certificate(t, time.Now().Add(time.Hour))
	_, other := certificate(t, time.Now().Add(time.Hour))
	old, oldText := certificate(t, time.Now().Add(-time.Minute))
	for _, c := range []struct {
		name  string
		shown tls.Certificate
		pin   []byte
		want  error
		hint  string
	}{
		{"the one", cert, text, ln.ErrStarting, ""},
		{"another", cert, other, ln.ErrCertificate, "tls.cert of that node"},
		{"expired", old, oldText, ln.ErrCertificate, "restart lnd"},
		{"no pin, unknown authority", cert, nil, ln.ErrCertificate, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&c.shown)))
			lnrpc.RegisterLightningServer(s, &parrot{info: status.Error(codes.Unknown, "waiting to start")})
			l, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			go s.Serve(l)
			t.Cleanup(s.Stop)
			n := connect(t, lnd.Config{Address: l.Addr().String(), CertPEM: c.pin, Macaroon: macaroon(t)})
			if _, err := n.Info(t.Context()); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.hint) {
				t.Errorf("Info: %v; want %v with %q", err, c.want, c.hint)
			}
		})
	}
}

// TestDoubt: whatever happens between us and lnd, Pay never calls a payment
// failed that may have left, nor in doubt what certainly did not.
func TestDoubt(t *testing.T) {
	t.Parallel()
	net := lntest.New(nil)
	inv, err := net.Node("payee").CreateInvoice(t.Context(), ln.InvoiceSpec{AmountMsat: 1000, Expiry: time.Hour})
	must(t, err)
	flying := &lnrpc.Payment{Status: lnrpc.Payment_IN_FLIGHT, ValueMsat: 1000}
	failed := &lnrpc.Payment{Status: lnrpc.Payment_FAILED, FailureReason: lnrpc.PaymentFailureReason_FAILURE_REASON_NO_ROUTE}
	type stream = grpc.ServerStreamingServer[lnrpc.Payment]
	says := func(err error, updates ...*lnrpc.Payment) func(stream) error {
		return func(s stream) error {
			for _, u := range updates {
				if err := s.Send(u); err != nil {
					return err
				}
			}
			return err
		}
	}
	unknown := says(status.Error(codes.NotFound, "payment isn't initiated"))
	for _, c := range []struct {
		name       string
		pay, track func(stream) error
		want       error
	}{
		{"failed", says(nil, failed), unknown, ln.ErrFailed},
		{"refused before trying", says(status.Error(codes.Unknown, "self-payments not allowed")), unknown, nil},
		{"refused a retry", says(status.Error(codes.Unknown, "self-payments not allowed")), says(nil, failed), ln.ErrFailed},
		{"shut down after sending", says(status.Error(codes.Unknown, "routerrpc server shutting down")), says(nil, flying), ln.ErrInFlight},
		{"shut down, track too", says(status.Error(codes.Unknown, "routerrpc server shutting down")), says(status.Error(codes.Unknown, "shutting down")), ln.ErrInFlight},
		{"broke off at once", says(status.Error(codes.Unavailable, "gone")), unknown, ln.ErrInFlight},
		{"broke off in flight", says(status.Error(codes.Unavailable, "gone"), flying), unknown, ln.ErrInFlight},
		{"ended in flight", says(nil, flying), unknown, ln.ErrInFlight},
		{"internal", says(status.Error(codes.Internal, "?")), unknown, ln.ErrInFlight},
		{"no right", says(status.Error(codes.Unknown, "permission denied")), unknown, ln.ErrDenied},
		{"on its way already", says(status.Error(codes.AlreadyExists, "payment is in transition")), says(nil, flying, failed), ln.ErrFailed},
		{"a wrong preimage", says(nil, &lnrpc.Payment{Status: lnrpc.Payment_SUCCEEDED, PaymentPreimage: strings.Repeat("00", 32)}), unknown, ln.ErrInFlight},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n, _ := (&parrot{pay: c.pay, track: c.track}).serve(t)
			_, err := n.Pay(t.Context(), ln.PaySpec{Bolt11: inv.Bolt11, Timeout: patience})
			if c.want == nil {
				if err == nil || errors.Is(err, ln.ErrInFlight) || errors.Is(err, ln.ErrFailed) {
					t.Errorf("Pay: %v; want lnd's own refusal", err)
				}
				return
			}
			if !errors.Is(err, c.want) || (errors.Is(err, ln.ErrInFlight) && errors.Is(err, ln.ErrFailed)) {
				t.Errorf("Pay: %v; want %v", err, c.want)
			}
		})
	}
	t.Run("not reached", func(t *testing.T) {
		t.Parallel()
		n, s := (&parrot{}).serve(t)
		s.Stop()
		_, err := n.Pay(t.Context(), ln.PaySpec{Bolt11: inv.Bolt11, Timeout: patience})
		if !errors.Is(err, ln.ErrUnavailable) || errors.Is(err, ln.ErrInFlight) {
			t.Errorf("Pay: %v; want unreachable, and no doubt", err)
		}
	})
}
