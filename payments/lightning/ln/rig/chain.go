package rig

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Chain is a btcd on simnet.
type Chain struct {
	program
	rpc, pass string
	client    *http.Client
}

const user = "rig"

// callFor is how long btcd may take for a call, of which mining hundreds of blocks
// is one.
const callFor = 5 * time.Minute

func newChain(path, dir string, from *ports) (*Chain, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	at, err := from.addresses(2)
	if err != nil {
		return nil, err
	}
	miner, err := anybodysAddress()
	if err != nil {
		return nil, err
	}
	var secret [16]byte
	rand.Read(secret[:])
	c := &Chain{program: program{name: "btcd", path: path, dir: dir}, rpc: at[0], pass: hex.EncodeToString(secret[:])}
	c.args = []string{
		"--simnet", "--txindex", "--nobanning", "--nostalldetect", "--nodnsseed",
		"--datadir=" + filepath.Join(dir, "data"), "--logdir=" + filepath.Join(dir, "logs"),
		"--rpclisten=" + c.rpc, "--listen=" + at[1],
		"--rpcuser=" + user, "--rpcpass=" + c.pass, "--rpccert=" + c.certPath(), "--rpckey=" + filepath.Join(dir, "rpc.key"),
		"--rpcmaxclients=100", "--rpcmaxwebsockets=100", "--miningaddr=" + miner,
	}
	return c, nil
}

func (c *Chain) certPath() string { return filepath.Join(c.dir, "rpc.cert") }

// serve starts btcd and waits until it answers.
func (c *Chain) serve(ctx context.Context) error {
	if err := c.start(); err != nil {
		return err
	}
	return c.await(ctx, "btcd", func(ctx context.Context) error {
		pem, err := os.ReadFile(c.certPath())
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return errors.New("its certificate is not written yet")
		}
		c.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}, Timeout: callFor}
		_, err = c.Height(ctx)
		return err
	})
}

// call asks btcd by JSON-RPC.
func (c *Chain) call(ctx context.Context, out any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+c.rpc, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.SetBasicAuth(user, c.pass)
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	var answer struct {
		Result json.RawMessage
		Error  *struct{ Message string }
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("rig: btcd answers %s: %.200q", resp.Status, raw)
	}
	if answer.Error != nil {
		return fmt.Errorf("rig: btcd: %s: %s", method, answer.Error.Message)
	}
	return json.Unmarshal(answer.Result, out)
}

// Height is that of the last block.
func (c *Chain) Height(ctx context.Context) (height uint32, err error) {
	return height, c.call(ctx, &height, "getblockcount")
}

// generate mines blocks.
func (c *Chain) generate(ctx context.Context, blocks int) error {
	var hashes []string
	return c.call(ctx, &hashes, "generate", blocks)
}
