package node_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/credit"
)

// asks is a valid request of each protocol that takes documents.
func asks(p *nodetest.Peer, m *nodetest.Member) map[protocol.ID]wire.Message {
	return map[protocol.ID]wire.Message{
		p2p.ProtoQuote: wire.JobOffer{
			Job: wire.RandomID(), Image: "sha256:" + wire.RandomID().String(), Comparator: "exact", Shards: 1,
			UnitsPerShard: 1, MaxPrice: 10, Unit: string(payments.Credits), Rail: credit.Name,
			ShardTimeoutMS: 1000, Deadline: time.Now().Add(time.Minute).Unix(),
		},
		p2p.ProtoJob: wire.RevealRequest{Job: wire.RandomID(), Commits: []wire.ID{wire.RandomID()}},
		p2p.ProtoLog: wire.Progress{Job: wire.RandomID(), State: wire.StateLogs},
		p2p.ProtoPay: wire.CreditNote{
			Payee: m.Key(), Channel: "credit", Seq: 1, Cumulative: 1, Amount: 1, Unit: string(payments.Credits), Ref: "a/0/0",
		},
	}
}

// attack is bytes that no honest peer sends.
type attack struct {
	name  string
	bytes func(k *identity.Key, m wire.Message) []byte
	fresh bool // wrong by its date alone, which the rail does not look at
}

func framed(body []byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(body))), body...)
}

func attacks(t *testing.T) []attack {
	other, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	flip := func(field func(*wire.Event) []byte) func(*identity.Key, wire.Message) []byte {
		return func(k *identity.Key, m wire.Message) []byte {
			ev := nodetest.Seal(t, k, m, time.Now())
			field(&ev)[5] ^= 1
			return framed(ev.Bytes())
		}
	}
	dated := func(d time.Duration) func(*identity.Key, wire.Message) []byte {
		return func(k *identity.Key, m wire.Message) []byte {
			return framed(nodetest.Seal(t, k, m, time.Now().Add(d)).Bytes())
		}
	}
	return []attack{
		{name: "a length of 2^63", bytes: func(*identity.Key, wire.Message) []byte { return binary.AppendUvarint(nil, 1<<63) }},
		{name: "a length of a megabyte", bytes: func(*identity.Key, wire.Message) []byte { return binary.AppendUvarint(nil, 1<<20) }},
		{name: "a frame cut short", bytes: func(k *identity.Key, m wire.Message) []byte {
			b := framed(nodetest.Seal(t, k, m, time.Now()).Bytes())
			return b[:len(b)/2]
		}},
		{name: "no document", bytes: func(*identity.Key, wire.Message) []byte { return framed([]byte(`{"kind":1}`)) }},
		{name: "zeros", bytes: func(*identity.Key, wire.Message) []byte { return make([]byte, 4096) }},
		{name: "a wrong signature", bytes: flip(func(e *wire.Event) []byte { return e.Sig[:] })},
		{name: "a wrong id", bytes: flip(func(e *wire.Event) []byte { return e.ID[:] })},
		{name: "another's document", bytes: func(_ *identity.Key, m wire.Message) []byte {
			return framed(nodetest.Seal(t, other, m, time.Now()).Bytes())
		}},
		{name: "a stale document", bytes: dated(-10 * time.Minute), fresh: true},
		{name: "a document of tomorrow", bytes: dated(24 * time.Hour), fresh: true},
	}
}

// tries is how many offences no peer survives.
const tries = 12

// Bytes that nobody honest sends end in an error and, repeated, in being
// barred, whatever the protocol; memory stays where it was.
func TestHostileBytes(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	m := c.Add("node", node.RoleProvider, func(m *nodetest.Member) {
		m.Config.Roles = append(m.Config.Roles, node.RoleAggregator)
	})
	for _, proto := range []protocol.ID{p2p.ProtoQuote, p2p.ProtoJob, p2p.ProtoLog, p2p.ProtoPay} {
		for _, a := range attacks(t) {
			if a.fresh && proto == p2p.ProtoPay {
				continue // notes are numbered; a note's date says nothing
			}
			p := c.Peer()
			i := 0
			for ; i < tries; i++ {
				answer, err := p.Send(m, proto, a.bytes(p.Key, asks(p, m)[proto]))
				if errors.Is(err, p2p.ErrUnreachable) || errors.Is(err, p2p.ErrRefused) {
					break
				}
				if err == nil && len(answer) > 0 {
					refusal(t, fmt.Sprintf("%s: %s", proto, a.name), answer)
				}
			}
			if i == tries {
				nodetest.Predicate(t, 5*time.Second, fmt.Sprintf("%s: %s: barred", proto, a.name), func() bool { return barred(p, m) })
			}
			p.Close()
		}
	}
}

// An offer is told to whoever opens a stream; what comes on it is not read.
func TestHostileOfferRequests(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	m := c.Add("provider", node.RoleProvider)
	for _, a := range attacks(t) {
		p := c.Peer()
		ask := wire.Progress{Job: wire.RandomID(), State: wire.StateLogs}
		answer, err := p.Send(m, p2p.ProtoOffer, a.bytes(p.Key, ask))
		if err != nil {
			continue // the answer was there and the stream over before the bytes were sent
		}
		n, k := binary.Uvarint(answer)
		if k <= 0 || uint64(len(answer)-k) != n {
			t.Errorf("%s: answered %.60q", a.name, answer)
			continue
		}
		if ev, err := wire.Parse(answer[k:]); err != nil || ev.PubKey != m.Key() || ev.Kind != wire.KindProviderOffer {
			t.Errorf("%s: answered kind %s by %s, %v", a.name, ev.Kind, ev.PubKey.Short(), err)
		}
		p.Close()
	}
}

// barred tells whether a member wants nothing of a peer.
func barred(p *nodetest.Peer, m *nodetest.Member) bool {
	_, err := p.Send(m, p2p.ProtoQuote, []byte{1})
	return errors.Is(err, p2p.ErrUnreachable) || errors.Is(err, p2p.ErrRefused)
}

// refusal holds that an answer is an Error document and nothing else.
func refusal(t *testing.T, what string, answer []byte) {
	t.Helper()
	n, k := binary.Uvarint(answer)
	if k <= 0 || uint64(len(answer)-k) < n {
		t.Errorf("%s: answered %.60q", what, answer)
		return
	}
	ev, err := wire.Parse(answer[k : k+int(n)])
	if err != nil || ev.Kind != wire.KindError {
		t.Errorf("%s: answered kind %s, %v", what, ev.Kind, err)
	}
}

// A request that was heard once does nothing the second time.
func TestReplay(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	m := c.Add("provider", node.RoleProvider)
	boss := c.Boss()
	acc := boss.Quoted(m)
	captured := boss.Seal(acc)
	if _, err := boss.Ask(m, p2p.ProtoJob, captured); err != nil {
		t.Fatal(err)
	}
	if code, _ := boss.Code(m, p2p.ProtoJob, captured); code != "stale" {
		t.Errorf("the same document again: %q, want stale", code)
	}
	// Said by another it is another's document.
	thief := c.Peer()
	if code, _ := thief.Code(m, p2p.ProtoJob, captured); code != "malformed" {
		t.Errorf("by another: %q, want malformed", code)
	}
	nodetest.Predicate(t, 10*time.Second, "one task", func() bool { return len(m.Runner.Started()) == 1 })
	// A second barrage ends the acquaintance.
	for range tries {
		if _, err := boss.Ask(m, p2p.ProtoJob, captured); err != nil {
			break
		}
	}
	nodetest.Predicate(t, 5*time.Second, "barred", func() bool { return barred(boss.Peer, m) })
}

// Requests for content that break its framing, or pry.
func TestHostileBlobRequests(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	m := c.Add("provider", node.RoleProvider)
	for name, raw := range map[string][]byte{
		"another version":  append([]byte{9}, make([]byte, 36)...),
		"no CID":           append([]byte{1}, make([]byte, 36)...),
		"a document":       framed(make([]byte, 300)),
		"a length of 2^63": binary.AppendUvarint([]byte{1}, 1<<63),
	} {
		p := c.Peer()
		for range tries {
			if _, err := p.Send(m, p2p.ProtoBlob, append(raw, make([]byte, 64)...)); errors.Is(err, p2p.ErrUnreachable) {
				break
			}
		}
		nodetest.Predicate(t, 5*time.Second, name+": barred", func() bool { return barred(p, m) })
		p.Close()
	}
}

// Ten thousand streams by as many keys as it takes: nobody is served more than
// its share, memory stays bounded, and honest peers are served meanwhile.
func TestStreamFlood(t *testing.T) {
	c := nodetest.New(t)
	var providers []*nodetest.Member
	for i := range 2 {
		providers = append(providers, c.Add(fmt.Sprintf("provider%d", i), node.RoleProvider))
	}
	client := c.Add("client", node.RoleClient)
	dir, file := nodetest.Lines(t, 40)
	spec := fmt.Sprintf(restartSpec, "flooded", nodetest.Image(t), file)
	target := providers[0]

	before := heap()
	var wg sync.WaitGroup
	jobs := make(chan api.Job, 8)
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			jobs <- client.Run(spec, dir)
			select {
			case <-stop:
				return
			default:
			}
			if len(jobs) == cap(jobs) {
				return
			}
		}
	})
	opened, keys := 0, 0
	protos := []protocol.ID{p2p.ProtoQuote, p2p.ProtoJob, p2p.ProtoLog, p2p.ProtoBlob, p2p.ProtoPay, p2p.ProtoOffer}
	var flooders []*nodetest.Peer
	for ; opened < 10_000 && keys < 60; keys++ {
		p := c.Peer()
		flooders = append(flooders, p)
		if p.Dial(target) != nil {
			t.Fatal("a new key cannot connect")
		}
		opened += flood(t.Context(), p, target, protos, 10_000-opened)
	}
	grown := int64(heap()) - int64(before)
	close(stop)
	wg.Wait()
	close(jobs)
	t.Logf("%d streams by %d keys; %d jobs meanwhile; heap grew by %d KiB, attackers included", opened, keys, len(jobs), grown>>10)
	if grown > 128<<20 {
		t.Errorf("heap grew by %d bytes", grown)
	}
	for j := range jobs {
		rightResult(t, j, dir, file)
	}
	if !slices.ContainsFunc(flooders, func(p *nodetest.Peer) bool { return barred(p, target) }) {
		t.Error("nobody was barred")
	}
}

// flood opens streams until it is thrown out or has opened most.
func flood(ctx context.Context, p *nodetest.Peer, m *nodetest.Member, protos []protocol.ID, most int) (opened int) {
	for i := 0; opened < most; i++ {
		octx, cancel := context.WithTimeout(ctx, 2*time.Second)
		s, err := p.Host.Open(octx, m.Key(), protos[i%len(protos)])
		cancel()
		if err != nil {
			return opened
		}
		opened++
		if _, err := s.Write([]byte{0x80}); err != nil && barred(p, m) {
			return opened
		}
	}
	return opened
}

func heap() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapInuse
}
