package lnd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc/invoicesrpc"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc/routerrpc"
)

const (
	defaultTimeout = 30 * time.Second
	maxAnswer      = 16 << 20 // bytes; the list of some thousand channels
	reconnectAfter = 5 * time.Second
	// connectFor is how long one try to connect may take: a busy node on a small
	// machine is slow to shake hands.
	connectFor = 20 * time.Second
)

// Node is an lnd node. It reconnects by itself; Close ends that.
type Node struct {
	cfg      Config
	rights   Rights
	conn     *grpc.ClientConn
	pin      *pin
	lnd      lnrpc.LightningClient
	state    lnrpc.StateClient
	invoices invoicesrpc.InvoicesClient
	router   routerrpc.RouterClient
}

var _ ln.Node = (*Node)(nil)

// New makes a driver. It sends nothing: the first call connects.
func New(cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	rights, err := ReadRights(cfg.Macaroon)
	if err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	host, _, err := net.SplitHostPort(cfg.target())
	if err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, rights: rights, pin: &pin{host: host, pem: cfg.CertPEM}}
	n.conn, err = grpc.NewClient("passthrough:///"+cfg.target(),
		grpc.WithTransportCredentials(credentials.NewTLS(n.pin.config())),
		grpc.WithPerRPCCredentials(bearer{hex.EncodeToString(cfg.Macaroon)}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithUnaryInterceptor(n.bounded),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnectAfter},
			MinConnectTimeout: connectFor,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}))
	if err != nil {
		return nil, err
	}
	n.lnd, n.state = lnrpc.NewLightningClient(n.conn), lnrpc.NewStateClient(n.conn)
	n.invoices, n.router = invoicesrpc.NewInvoicesClient(n.conn), routerrpc.NewRouterClient(n.conn)
	return n, nil
}

// Close gives the connection up.
func (n *Node) Close() error { return n.conn.Close() }

// Rights are what our macaroon allows.
func (n *Node) Rights() Rights { return n.rights }

// bounded gives every call a deadline and its errors their meaning.
func (n *Node) bounded(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	limit := n.cfg.Timeout
	if method == lnrpc.Lightning_OpenChannelSync_FullMethodName {
		limit *= 4 // its peer has a say, too
	}
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return n.explain(ctx, method, invoke(inner, method, req, reply, cc, opts...))
}

// bearer shows the macaroon with every call.
type bearer struct{ macaroon string }

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"macaroon": b.macaroon}, nil
}

func (bearer) RequireTransportSecurity() bool { return true }

// pin holds the node to its certificate, and remembers who else answered.
type pin struct {
	host string
	pem  []byte
	last atomic.Pointer[string] // why the last handshake was refused
}

func (p *pin) config() *tls.Config {
	// The usual check asks for the name that we dial, which lnd's own
	// certificate need not have; ours asks for the very certificate.
	return &tls.Config{InsecureSkipVerify: true, VerifyConnection: p.verify, MinVersion: tls.VersionTLS12}
}

func (p *pin) verify(cs tls.ConnectionState) error {
	err := p.check(cs.PeerCertificates)
	if err != nil {
		text := err.Error()
		p.last.Store(&text)
		return err
	}
	p.last.Store(nil)
	return nil
}

func (p *pin) check(shown []*x509.Certificate) error {
	if len(shown) == 0 {
		return errors.New("it shows no certificate")
	}
	leaf := shown[0]
	for rest := p.pem; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if bytes.Equal(block.Bytes, leaf.Raw) {
			if time.Now().After(leaf.NotAfter) {
				return fmt.Errorf("it expired on %s: restart lnd, which makes a new one, and give us that", leaf.NotAfter.Format(time.DateOnly))
			}
			return nil
		}
	}
	opts := x509.VerifyOptions{DNSName: p.host, Intermediates: x509.NewCertPool()}
	if len(p.pem) > 0 {
		opts.Roots = x509.NewCertPool()
		opts.Roots.AppendCertsFromPEM(p.pem)
	}
	for _, c := range shown[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := leaf.Verify(opts)
	return err
}
