package chain_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/payments/polygon/chain"
	"infernet.tech/infernet/store"
)

// says is an endpoint that answers every call with the same bytes.
type says []byte

func (s says) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(s))}, nil
}

// FuzzAnswer has an endpoint say anything: there is an error or a value, and
// no panic, and never a transaction sent to a chain of another id.
func FuzzAnswer(f *testing.F) {
	zero := `"0x0000000000000000000000000000000000000000000000000000000000000000"`
	for _, seed := range []string{
		``, `null`, `{}`, `[]`, `{"jsonrpc":"2.0","id":1,"result":null}`, `{"jsonrpc":"2.0","id":1,"result":"0x539"}`,
		`{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"execution reverted","data":"0x08c379a0"}}`,
		`{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"execution reverted","data":7}}`,
		`{"jsonrpc":"2.0","id":1,"result":{"number":"0x5","hash":` + zero + `,"parentHash":` + zero + `,"timestamp":"0x1"}}`,
		`{"jsonrpc":"2.0","id":1,"result":[{"address":"0xc0ffee0000000000000000000000000000000001","topics":[],"data":"0x","blockNumber":"0x1","transactionHash":` + zero + `}]}`,
		`{"jsonrpc":"2.0","id":1,"result":{"transactionHash":` + zero + `,"blockNumber":"0xffffffffffffffff","status":"0x1"}}`,
	} {
		f.Add([]byte(seed))
	}
	k, err := chain.NewKeySigner(secret(0))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := chain.Dial(t.Context(), chain.Config{Profile: chain.Local(), RPCs: []string{"https://x"}, Transport: says(body)})
		if err != nil {
			return
		}
		defer c.Close()
		c.View(t.Context())
		c.CallFinal(t.Context(), chain.Call{To: counter})
		c.Try(t.Context(), chain.Call{To: counter})
		c.CodeHash(t.Context(), counter)
		c.Balance(t.Context(), counter)
		c.Fees(t.Context())
		c.Logs(t.Context(), chain.LogQuery{Address: counter, Topics: [][]common.Hash{{topicOne}}, To: 9})
		s, err := chain.NewSender(chain.SenderConfig{}, c, k, store.NewMem(), &budget{limit: 1 << 60}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Send(t.Context(), call("chain/a", 1))
		s.Step(t.Context())
	})
}

// FuzzKeyFile: any file is a key or an error.
func FuzzKeyFile(f *testing.F) {
	f.Add([]byte("{}"))
	f.Add([]byte(`{"version":3,"crypto":{"kdfparams":{"n":2,"r":1}}}`))
	f.Add(bytes.Repeat([]byte("ab"), 32))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "k")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := chain.OpenKey(path, nil)
		if (k == nil) == (err == nil) {
			t.Errorf("%v, %v", k, err)
		}
	})
}
