package node_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/metrics"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/exec/engine/gguf/gguftest"
	"infernet.tech/infernet/exec/engine/tokens"
	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store/blob"
)

// learns asks a member for a model until it can recount the model's tokens.
func learns(t *testing.T, m *nodetest.Member, model string) {
	t.Helper()
	nodetest.NoError(t, 10*time.Second, func() error {
		if _, err := ask(t.Context(), m, chat(model, "hello")); err != nil {
			return err
		}
		for _, s := range m.Status().Subsystems {
			if s.Name == "tokens" && strings.HasPrefix(s.Detail, "1 of 1 ") {
				return nil
			}
		}
		return errors.New("it cannot")
	})
}

// A client counts the tokens of a model that it does not have, by the
// vocabulary at the beginning of the provider's file. What is claimed beyond
// is not paid, although it would pass for a text of so many bytes.
func TestRecount(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "small.gguf")
	if err := os.WriteFile(file, engine.DemoModel(), 0o600); err != nil {
		t.Fatal(err)
	}
	c := nodetest.New(t)
	p := c.Add("provider", node.RoleProvider, nodetest.Serving(file), dear())
	client := c.Add("client", node.RoleClient, soon())
	learns(t, client, "small")
	settled(t, client, p)

	var before uint64
	for _, l := range leases(t, client) {
		before += l.OutTokens
	}
	text := strings.TrimSpace(strings.Repeat("the dog ", 20))
	a := answered(t, client, chat("small", text+" @lie=3"))
	words := len(strings.Fields(a.text))
	if 3*words > len(a.text) {
		t.Fatalf("%d bytes tell of %d tokens without a vocabulary", len(a.text), 3*words)
	}
	most := len(encoded(t, a.text))*3/2 + 16
	if most >= 3*words {
		t.Fatalf("%d tokens are possible by the vocabulary, %d are claimed", most, 3*words)
	}
	var out uint64
	for _, l := range leases(t, client) {
		out += l.OutTokens
	}
	if out < before+uint64(words) || out > before+uint64(most) {
		t.Errorf("%d tokens are counted of %d claimed, at most %d are possible", out-before, 3*words, most)
	}
}

// A model's file is for those who leased it: asking for a lease is not enough.
func TestModelIsNotForStrangers(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	p := c.Add("provider", node.RoleProvider, nodetest.Serving("demo"))
	boss := c.Boss()
	cid := offered(t, boss, p).Serves[0].Model
	l := wire.Lease{
		Quote: wire.RandomID(), Job: wire.RandomID(), Model: cid, In: 1, Out: 1, Unit: "credits", Rail: "credit",
		Budget: 100, Window: 50, Deadline: time.Now().Add(time.Minute).Unix(),
	}
	if code, _ := boss.Code(p, p2p.ProtoJob, boss.Seal(l)); code == "" {
		t.Fatal("a lease without a quote was agreed to")
	}
	if err := boss.Fetch(p, boss.Blobs, cid); !errors.Is(err, blob.ErrRefused) {
		t.Errorf("the model was given away: %v", err)
	}
}

// encoded are the tokens of a text in the demonstration model.
func encoded(t *testing.T, text string) []int {
	t.Helper()
	_, v, err := gguf.ReadVocab(strings.NewReader(string(engine.DemoModel())), gguf.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokens.New(v)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := tok.Encode(text, false)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// traffic counts what comes on streams for content.
type traffic struct {
	*metrics.BandwidthCounter
	came atomic.Int64
}

// LogRecvMessageStream implements metrics.Reporter.
func (c *traffic) LogRecvMessageStream(n int64, on protocol.ID, _ peer.ID) {
	if on == p2p.ProtoBlob {
		c.came.Add(n)
	}
}

// Of a large model no more comes than its beginning.
func TestRecountOfALargeModel(t *testing.T) {
	t.Parallel()
	const weights = 64 << 20
	kvs := append(gguftest.Vocab(gguf.Vocab{
		Model: "gpt2", Pre: "gpt-2", Name: "large", Tokens: []string{"a", "b", "ab"}, Merges: []string{"a b"},
		BOS: 0, EOS: 1, EOT: -1, Unknown: -1,
	}), gguftest.KV{Key: "llama.context_length", Value: uint32(512)})
	file := filepath.Join(t.TempDir(), "large.gguf")
	data := gguftest.File(kvs, []gguftest.Tensor{{Name: "w", Dims: []uint64{weights / 4}}}, weights)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	c := nodetest.New(t)
	c.Add("provider", node.RoleProvider, nodetest.Serving(file), dear())
	counted := &traffic{BandwidthCounter: metrics.NewBandwidthCounter()}
	client := c.Add("client", node.RoleClient, soon(), nodetest.With(node.WithHost(libp2p.BandwidthReporter(counted))))
	learns(t, client, "large")
	if came := counted.came.Load(); came == 0 || came > 8<<20 {
		t.Errorf("%d bytes came of a model of %d", came, len(data))
	}
	if all, err := client.API().List(t.Context(), "models"); err != nil || len(all) != 0 {
		t.Errorf("the client has %+v, %v", all, err)
	}
}
