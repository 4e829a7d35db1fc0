package lnd

import (
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"infernet.tech/infernet/payments/lightning/ln"
)

// DefaultPort is where lnd listens for gRPC.
const DefaultPort = "10009"

// maxFile bounds the files read: certificates and macaroons have some hundred
// bytes.
const maxFile = 64 << 10

// Config says which lnd to reach and what with.
type Config struct {
	Address  string // host:port; DefaultPort where none is named
	CertPEM  []byte // the node's tls.cert; empty: the system's authorities
	Macaroon []byte // binary
	// Timeout of one call, those that wait for a payment apart; 0 is 30 s.
	Timeout time.Duration
}

// Load reads certificate and macaroon from files. The macaroon may be binary, as
// lnd writes it, or in hex. Without certFile the system's authorities vouch.
func Load(address, certFile, macaroonFile string) (Config, error) {
	c := Config{Address: address}
	var err error
	if certFile != "" {
		if c.CertPEM, err = readSmall(certFile); err != nil {
			return Config{}, fmt.Errorf("lnd's certificate (tls.cert): %w", err)
		}
	}
	if c.Macaroon, err = readSmall(macaroonFile); err != nil {
		return Config{}, fmt.Errorf("lnd's macaroon: %w", err)
	}
	if b, err := hex.DecodeString(strings.TrimSpace(string(c.Macaroon))); err == nil && len(b) > 0 {
		c.Macaroon = b
	}
	return c, c.Validate()
}

// Exposed says whether others than its owner can read the file with a macaroon,
// and could then do all that it allows.
func Exposed(macaroonFile string) (bool, error) {
	info, err := os.Stat(macaroonFile)
	if err != nil {
		return false, err
	}
	return info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/', nil
}

// Validate refuses what cannot work.
func (c Config) Validate() error {
	if c.Address == "" {
		return fmt.Errorf("%w: no address of lnd; want host:port", ln.ErrSpec)
	}
	if _, _, err := net.SplitHostPort(c.target()); err != nil {
		return fmt.Errorf("%w: lnd's address %.80q: want host:port", ln.ErrSpec, c.Address)
	}
	if len(c.CertPEM) > 0 {
		if block, _ := pem.Decode(c.CertPEM); block == nil || block.Type != "CERTIFICATE" {
			return fmt.Errorf("%w: lnd's certificate is not in PEM; want the file tls.cert of its folder", ln.ErrCertificate)
		}
	}
	if _, err := ReadRights(c.Macaroon); err != nil {
		return err
	}
	return nil
}

// target is the address with a port.
func (c Config) target() string {
	if _, _, err := net.SplitHostPort(c.Address); err != nil && !strings.HasSuffix(c.Address, ":") {
		return net.JoinHostPort(strings.Trim(c.Address, "[]"), DefaultPort)
	}
	return c.Address
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s is too big to be one", path)
	}
	return b, err
}
