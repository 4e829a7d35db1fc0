package api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// TokenName is the file of a home that keeps the token, so that clients of
// other programs are set up once. 0600, never logged.
const TokenName = "api-token"

// PortName is the file of a home that remembers the last port.
const PortName = "api-port"

// tokenBytes is the length of a token before it is written as hex.
const tokenBytes = 32

// LoadToken returns the token of a home, making one when there is none. It
// answers ErrReadableByOthers when others could have read it (rotating helps)
// and ErrBadToken when the file holds no token.
func LoadToken(home string) (string, error) {
	path := filepath.Join(home, TokenName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return RotateToken(home)
	}
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	if err := private(path, info); err != nil {
		return "", err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	if b, err := hex.DecodeString(token); err != nil || len(b) != tokenBytes {
		return "", fmt.Errorf("%w: %s", ErrBadToken, path)
	}
	return token, nil
}

// RotateToken draws a new token for a home and returns it. A node that runs
// goes on with the old one: ask it with Client.RotateToken instead.
func RotateToken(home string) (string, error) {
	var secret [tokenBytes]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return "", fmt.Errorf("draw token: %w", err)
	}
	token := hex.EncodeToString(secret[:])
	return token, replaceFile(home, TokenName, []byte(token+"\n"))
}

// listen opens the configured address. Port 0 stands for the last port of this
// home while it is free: the addresses that people gave to other programs go
// on to work after a restart.
func (s *Server) listen() (net.Listener, error) {
	host, port, err := net.SplitHostPort(s.cfg.Addr)
	if err != nil {
		return nil, err
	}
	if port != "0" {
		return net.Listen("tcp", s.cfg.Addr)
	}
	if last := lastPort(s.cfg.Home); last > 0 {
		if ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(last))); err == nil {
			return ln, nil
		}
		s.log.Warn("another program has the port this home used last: taking another", "port", last)
	}
	ln, err := net.Listen("tcp", s.cfg.Addr)
	if err != nil {
		return nil, err
	}
	_, port, err = net.SplitHostPort(ln.Addr().String())
	if err == nil {
		err = replaceFile(s.cfg.Home, PortName, []byte(port+"\n"))
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// lastPort is the port that a home used last; 0 when it is not known.
func lastPort(home string) int {
	raw, err := os.ReadFile(filepath.Join(home, PortName))
	if err != nil || len(raw) > 16 {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || n < 1 || n > 65535 {
		return 0
	}
	return n
}
