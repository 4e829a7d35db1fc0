package demo

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/payments/polygon/chaintest"
	"infernet.tech/infernet/payments/polygon/chaintest/evm"
)

// closeAll closes the client's channels. One that the payee knows nothing of ends
// only after its delay, in the chain's own time.
func (n *testnet) closeAll() {
	n.t.Helper()
	c := n.client("client")
	var all []api.MoneyChannel
	states := func(want ...string) bool {
		var err error
		if all, err = c.Channels(n.t.Context()); err != nil {
			n.t.Fatal(err)
		}
		return !slices.ContainsFunc(all, func(ch api.MoneyChannel) bool { return !slices.Contains(want, ch.State) })
	}
	n.await("every channel is closing", func() bool {
		done := states("closing", "closed")
		for _, ch := range all {
			if ch.State != "open" {
				continue
			}
			if _, err := c.Close(n.t.Context(), api.CloseRequest{Channel: ch.ID}); err != nil {
				n.t.Log(err)
			}
		}
		return done
	})
	n.await("every channel is closed, or in its delay", func() bool { return states("closing", "closed") })
	// A busy chain of a block for each transaction is ahead of the clock.
	for range 3 {
		for _, ch := range all {
			wait := min(time.Until(time.UnixMilli(ch.CloseMS)), time.Minute)
			if ch.State == "closing" && wait > 0 {
				<-time.After(wait)
			}
		}
	}
	n.await("the delay is over", func() bool { return states("closed") })
	if len(all) == 0 {
		n.t.Error("there was no channel")
	}
}

// inUSDC is what each account of the chain begins with.
const inUSDC = 1_000_000_000_000

// usdcNet is a network whose client and sellers have the first accounts of a
// chain that runs in a process of its own.
type usdcNet struct {
	*testnet
	chain *chaintest.Process
}

func newUSDCNet(t *testing.T) *usdcNet {
	t.Helper()
	// A second is the least that tells two blocks apart: with more of them the
	// chain's own time would run ahead of ours.
	n := &usdcNet{chain: chaintest.StartProcess(t, time.Second), testnet: moneynet(t, "0.0002 USDC")}
	for i, name := range append([]string{"client"}, sellers...) {
		key := filepath.Join(t.TempDir(), "usdc.key")
		if err := os.WriteFile(key, []byte(hex.EncodeToString(crypto.FromECDSA(evm.Key(i)))), 0o600); err != nil {
			t.Fatal(err)
		}
		req := api.ConnectRequest{
			Rail: "polygon", Network: "local", RPC: []string{n.chain.URL}, Key: key, Deposit: "1 USDC",
			Contract: n.chain.Contract.Address.Hex(), Token: n.chain.Token.Address.Hex(),
		}
		if name == "client" {
			req.PerDay = "10 USDC"
		}
		n.connect(name, req)
	}
	return n
}

func (n *usdcNet) balance(of common.Address) uint64 {
	n.t.Helper()
	v, err := n.chain.Token.Balance(n.t.Context(), n.chain.Client, of, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	return v
}

// submit starts a job that is paid on the chain.
func (n *usdcNet) submit() string { return n.paidIn("0.1 USDC") }

// over waits for a job's end and holds it and all before it against the books.
func (n *usdcNet) over(id string) api.Job {
	n.t.Helper()
	return n.testnet.over(id, "uusdc", 600)
}

// caught waits for a job's end, and for that of more until the cheater is found.
func (n *usdcNet) caught(id string) {
	n.t.Helper()
	n.untilCaught(n.over(id), func() api.Job { return n.over(n.submit()) })
}

// conserved closes all channels, by agreement: they pay out what was promised and
// give the rest back, and nothing is left in the contract.
func (n *usdcNet) conserved() {
	n.t.Helper()
	n.closeAll()
	has := func(i int) uint64 { return n.balance(evm.Address(i)) }
	n.await("all that left the client arrived", func() bool {
		return has(0) == inUSDC-n.paid && has(1)+has(2) == 2*inUSDC+n.paid
	})
	if has(3) != inUSDC || n.balance(n.chain.Contract.Address) != 0 {
		n.t.Errorf("the cheater has %d, the contract %d", has(3), n.balance(n.chain.Contract.Address))
	}
	n.agreed()
}

// TestE2EMoneyPolygon: the demo's job through channels on a chain in a process
// of its own. In the middle the chain is killed, then the node of a provider, then
// the client's.
func TestE2EMoneyPolygon(t *testing.T) {
	n := newUSDCNet(t)
	id := n.submit()
	n.waitUntil(id, 2)
	n.chain.Kill()
	n.chain.Restart()
	n.killAndRestart("provider1")
	n.killAndRestart("client")
	n.caught(id)
	n.conserved()
}

// untilEvent follows a job to its event of that number, and reports whether it
// had as many before it ended.
func (n *testnet) untilEvent(id string, number int) bool {
	n.t.Helper()
	seen := 0
	_, err := n.client("client").Wait(n.t.Context(), id, api.EventQuery{}, func(api.Event) error {
		if seen++; seen > number {
			return errSeen
		}
		return nil
	})
	if err != nil && !errors.Is(err, errSeen) {
		n.t.Fatal(err)
	}
	return errors.Is(err, errSeen)
}

// Every few events of a job, and while its channels are closed, the node of the
// payer or of a payee is killed with SIGKILL. Nothing is paid twice, nothing is
// lost, and at the end every millionth is where the books say.
func TestE2EMoneyPolygonKilled(t *testing.T) {
	if os.Getenv("INFERNET_LONG") == "" {
		t.Skip("INFERNET_LONG=1 runs it; TestE2EMoneyPolygon kills each of them once")
	}
	n := newUSDCNet(t)
	n.caught(n.submit())
	kills := 0
	for at, more := 0, true; more; at += 7 {
		for _, who := range []string{"client", "provider1"} {
			id := n.submit()
			if more = n.untilEvent(id, at); more {
				n.killAndRestart(who)
				kills++
			}
			n.over(id)
		}
	}
	n.agreed()
	for _, who := range []string{"client", "provider2"} { // while channels are being closed
		all, err := n.client("client").Channels(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, ch := range all {
			if ch.State == "open" {
				_, _ = n.client("client").Close(t.Context(), api.CloseRequest{Channel: ch.ID})
				break
			}
		}
		n.killAndRestart(who)
		kills++
	}
	n.conserved()
	if t.Logf("%d kills", kills); kills < 10 {
		t.Errorf("a job has too few events: %d kills", kills)
	}
}
