package wire

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
)

// epoch is the date of every golden vector.
var epoch = time.Unix(1_790_000_000, 0)

// testKey returns the key whose secret is 31 zeros and n.
func testKey(t testing.TB, n byte) *identity.Key {
	t.Helper()
	k, err := identity.FromSecret([32]byte{31: n})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func testID(n byte) ID { return ID{0: n, 31: n} }

const (
	testCID    = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku" // the empty file
	testDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// sample is one kind: a message with every field set, and its decoder.
type sample struct {
	name   string // of its vector
	msg    Message
	decode func(Event) (Message, error)
}

func named(name string, s sample) sample {
	s.name = name
	return s
}

func of[T any, PT interface {
	*T
	Message
	walk(codec)
}](m T) sample {
	return sample{PT(&m).Kind().String(), PT(&m), func(e Event) (Message, error) {
		got, err := Decode[T, PT](e)
		return PT(&got), err
	}}
}

// samples has every kind of the package, with every field set.
func samples(t testing.TB) []sample {
	key := func(n byte) identity.PubKey { return testKey(t, n).PubKey() }
	job, second := testID(1), epoch.Unix()
	return []sample{
		of(JobOffer{Job: job, Name: "classify \"reviews\" · été", Image: testDigest, ImageCID: testCID, ModelCID: testCID,
			Comparator: "exact", Shards: 8, UnitsPerShard: 25, CPUMillis: 1000, MemoryBytes: 512 << 20, DiskBytes: 1 << 30,
			PIDs: 64, GPUs: 1, VRAMBytes: 24 << 30, MaxPrice: 125, Unit: "credits", Rail: "credit",
			ShardTimeoutMS: 60_000, Deadline: second + 600, AuditCommit: testID(9), AuditMin: 50_000, Class: "amd64/avx2"}),
		of(Quote{Offer: testID(2), Job: job, Price: Rate{Base: 5, PerUnit: 2}, Unit: "credits", Rail: "credit", Slots: 2,
			ETAMS: 1500, Class: "amd64/avx2", CreditLeft: 900, Expires: second + 30, HasImage: true, HasModel: true}),
		of(Accept{Quote: testID(3), Job: job, Shard: 7, Attempt: 1, Image: testDigest, ImageCID: testCID, ModelCID: testCID,
			InputCID: testCID, ImageBytes: 10, ModelBytes: 20, InputBytes: 30, Args: []string{"--max-tokens", "16", ""},
			Env: [][2]string{{"LANG", "C"}, {"EMPTY", ""}, {"_P", "a=b\n\tc\\\""}}, Seed: 1<<64 - 1, Units: 25, Amount: 55,
			Unit: "credits", Rail: "credit", CPUMillis: 500, MemoryBytes: 1 << 29, DiskBytes: 1 << 28, PIDs: 32, GPUs: 1,
			TimeoutMS: 60_000, Deadline: second + 90, Sources: []identity.PubKey{key(2), key(3)}}),
		of(Commit{Job: job, Shard: 7, Attempt: 1, C: testID(4), Units: 25, Size: 4096,
			StartedMS: second * 1000, EndedMS: second*1000 + 734, Aggregator: key(1)}),
		of(Reveal{Job: job, Shard: 7, Attempt: 1, Commit: testID(5), Root: testCID, Size: 4096, Nonce: testID(6)}),
		of(Verdict{Job: job, Shard: 7, Attempt: 1, Provider: key(2), Verdict: VerdictBad, Label: LabelReplicated,
			Comparator: "exact", Reason: "differs from two that agree", Evidence: []string{testCID, testID(5).String()}}),
		of(Cancel{Job: job, Shard: -1, Attempt: -1, Reason: "deadline passed"}),
		of(Error{Ref: testID(7), Code: "busy", Text: "all slots are taken", RetryMS: 5000}),
		of(RevealRequest{Job: job, Shard: 7, Attempt: 1, Commits: []ID{testID(5), testID(8)}}),
		of(Progress{Job: job, Shard: 7, Attempt: 1, State: StateFetching, Detail: "12 of 40 MiB"}),
		of(Delegate{Job: job, Spec: `{"name":"classify","kind":"batch"}`, Fee: 10, Max: 1000, Unit: "credits",
			Rail: "credit", Deadline: second + 600, Sources: []identity.PubKey{key(2)}}),
		of(testReceipt(t)),
		named("ReceiptBad", of(badReceipt(t))),
		of(CreditNote{Payee: key(2), Channel: "main", Seq: 3, Cumulative: 165, Amount: 55, Unit: "credits",
			Ref: job.String() + "/7/1", BackSeq: 2, Back: 40}),
		named("CreditNoteLines", of(CreditNote{Payee: key(2), Channel: "main", Seq: 4, Cumulative: 240, Amount: 75, Unit: "credits",
			BackSeq: 2, Back: 40, Lines: []CreditLine{{job.String() + "/8/0", 55}, {job.String() + "/9/1", 20}}})),
		of(PayTermsAsk{Rail: "polygon"}),
		named("PayTermsAskChannel", of(PayTermsAsk{Rail: "polygon", Channel: "0x" + testID(5).String(),
			Proof: strings.Repeat("0123456789abcdef", 8) + "1b"})),
		named("PayTermsCover", of(PayTerms{Ask: testID(2), Rail: "polygon", Unit: "uusdc", Limit: 20_000,
			Cover: 900_000, MaxCover: 5_000_000})),
		of(PayTerms{Ask: testID(2), Rail: "polygon", Unit: "uusdc", Network: "amoy",
			Account:  "0x00112233445566778899aabbccddeeff00112233",
			Contract: "0x112233445566778899aabbccddeeff0011223344", Least: 50_000, Limit: 1_000_000, Delay: 86_400,
			Seq: 12, Owed: 700_000, Settled: 650_000, Root: testID(3), BackSeq: 4, Back: 90_000}),
		of(InvoiceAsk{Rail: "lightning", Channel: "main", Seq: 12, From: 100_000, To: 250_000, Root: testID(3),
			Amount: 150_000, Expiry: 600}),
		named("InvoiceAskHold", of(InvoiceAsk{Rail: "lightning", Channel: "main", Hold: testID(4),
			Ref: job.String() + "/7/1", Amount: 150_000, Expiry: 600})),
		of(Invoice{Ask: testID(2), Bolt11: "lnbcrt1500n1pjluq2mpp5qqqsyqcyq5rqwzqf", Amount: 150_000}),
		of(Voucher{Rail: "polygon", Network: "amoy", Contract: "0x112233445566778899aabbccddeeff0011223344",
			Channel: "0x" + testID(5).String(), Cumulative: 700_000, Total: 700_000, Root: testID(3),
			Signature: strings.Repeat("0123456789abcdef", 8) + "1b"}),
		of(Release{Rail: "lightning", Ref: job.String() + "/7/1", Hold: testID(4), Preimage: testID(6)}),
		of(Countersign{Of: testID(12), Role: RoleProvider}),
		named("CountersignLines", of(Countersign{Of: testID(12), Role: RolePayee, Lines: MaxLines})),
		of(ProviderOffer{Network: "main", Class: "amd64/avx2", Hardware: Hardware{OS: "linux", Arch: "amd64",
			CPUModel: "A CPU @ 3.0GHz", Cores: 16, MemoryBytes: 64 << 30, DiskBytes: 1 << 40,
			GPUs: []GPU{{"Card One", 24 << 30, "GPU-0001"}, {"Card Two", 8 << 30, ""}}},
			Isolation: []string{"runc"}, Rails: []string{"credit"}, Rates: []UnitRate{{"credits", 5, 2}, {"msat", 0, 21}},
			Serves: []Served{
				{"demo", testCID, testDigest, "credits", 1000, 3000, 512, 310_500, 40, 4},
				{"qwen2.5:7b", testCID, testDigest, "credits", 0, 0, 0, 0, 0, 1}},
			Benches: []Bench{{"tokens/demo", 310_500, "tokens/s", second}},
			Models:  []string{testCID}, Images: []string{testDigest}, Roles: []string{"provider", "relay"}, Slots: 4,
			Version: "0.1.0", Addrs: []string{"/ip4/192.0.2.1/udp/4001/quic-v1"}, Operator: string(signed(t, "binding").Bytes())}),
		of(InferOffer{Job: job, Model: testCID, MaxIn: 1500, MaxOut: 4000, Unit: "credits", Rail: "credit", Budget: 2000,
			Deadline: second + 1800}),
		of(InferQuote{Offer: testID(2), Job: job, Model: testCID, Image: testDigest, In: 1000, Out: 3000, Unit: "credits",
			Rail: "credit", Queue: 3, Slots: 4, TPSMilli: 310_500, TTFTMS: 40, Context: 512, Warm: true, Credit: 9000,
			Class: "amd64/avx2", Expires: second + 30}),
		of(Lease{Quote: testID(3), Job: job, Model: testCID, In: 1000, Out: 3000, Unit: "credits", Rail: "credit",
			Budget: 2000, Window: 500, Deadline: second + 1800, AuditCommit: testID(9), AuditMin: 300_000}),
		of(Window{Job: job, Seq: 1, Requests: 12, InTokens: 40_000, OutTokens: 60_000, TotalIn: 100_000, TotalOut: 160_000,
			Amount: 220, Unit: "credits", Rail: "credit", Last: true}),
		of(Delivery{Account: testID(4), Seq: 3, Bytes: 64 << 20, Total: 1 << 30, Price: 100, Amount: 7, Unit: "credits",
			Rail: "credit"}),
		of(ContentName{Name: "team/app:v1", What: WhatImage, Digest: testDigest, CID: testCID, Size: 4096, Created: second}),
		of(Disclosure{Job: job, Provider: key(2), Secret: testID(13), AuditMin: 50_000, Last: true,
			Rows: []Drawn{{0, 41, PPM, true}, {0, 1099, 50_000, false}, {7, 3, 100_000, false}}}),
		of(testFraud(t)),
		of(Digest{Network: "main", Rows: []Opinion{{key(2), 40, 1, 80, 20_717}, {key(3), 7, 255, 0, 20_000}}}),
		of(Profile{Model: testCID, Image: testDigest, Class: "amd64/avx2", Comparator: "numeric", N: 2000, FPRppm: 1500,
			Thresholds: map[string]string{"rtol": "1e-05", "atol": "0.0001", "outliers": "-0"}}),
		of(OperatorBinding{Nodes: []identity.PubKey{key(1), key(2)}, Expires: second + 86400}),
	}
}

// badReceipt is the sample of an attempt that was judged wrong.
func badReceipt(t testing.TB) Receipt {
	r := testReceipt(t)
	r.Verdict, r.Amount, r.Blame, r.PayRef = VerdictBad, 0, BlameProvider, ""
	return r
}

func testReceipt(t testing.TB) Receipt {
	second := epoch.Unix()
	return Receipt{Job: testID(1), Shard: 7, Attempt: 1, Provider: testKey(t, 2).PubKey(), Payer: testKey(t, 1).PubKey(),
		Image: testDigest, ModelCID: testCID, Units: 25, InTokens: 10, OutTokens: 15, Amount: 55, Unit: "credits",
		Rail: "credit", Verdict: VerdictOK, Label: LabelReplicated, Comparator: "exact", Root: testCID, Commit: testID(5),
		Reveal: testID(10), VerdictID: testID(11), PayRef: testID(1).String() + "/7/1", StartedMS: second * 1000,
		EndedMS: second*1000 + 734, Class: "amd64/avx2", Audits: 2, RatePPM: 100_000,
		Prev: testID(14), Seq: 9}
}

// testBinding is the binding of those nodes by the operator whose secret is 3.
func testBinding(t testing.TB, nodes ...identity.PubKey) Event {
	t.Helper()
	e, err := seal(testKey(t, 3), OperatorBinding{Nodes: nodes, Expires: epoch.Unix() + 86400}, epoch, [nonceLen]byte{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// by returns the document of a message by the author whose secret is n.
func by(t testing.TB, n byte, m Message) Event {
	t.Helper()
	e, err := seal(testKey(t, n), m, epoch, [nonceLen]byte{15: n})
	if err != nil {
		t.Fatalf("%s: %v", m.Kind(), err)
	}
	return e
}

func testFraud(t testing.TB) FraudProof {
	return FraudProof{Subject: testKey(t, 2).PubKey(), Fault: FaultTwoCommits, Docs: []Event{signed(t, "commit1"), signed(t, "commit2")}}
}

// sealed returns the document of a sample, the same in every run but for its
// signature.
func sealed(t testing.TB, m Message) Event {
	t.Helper()
	e, err := seal(testKey(t, 1), m, epoch, [nonceLen]byte{15: 1})
	if err != nil {
		t.Fatalf("%s: %v", m.Kind(), err)
	}
	return e
}

// resigned returns e after change, with an id and signature that fit again: a
// document by an author who does not keep the rules.
func resigned(t testing.TB, e Event, change func(*Event)) Event {
	t.Helper()
	tags := make([][]string, len(e.Tags))
	for i, tag := range e.Tags {
		tags[i] = append([]string(nil), tag...)
	}
	e.Tags = tags
	change(&e)
	e.ID = e.hash()
	var err error
	if e.Sig, err = testKey(t, 1).Sign(e.ID); err != nil {
		t.Fatal(err)
	}
	return e
}

func setTag(e *Event, name string, values ...string) {
	for i, tag := range e.Tags {
		if tag[0] == name {
			e.Tags[i] = append([]string{name}, values...)
			return
		}
	}
	e.Tags = append(e.Tags, append([]string{name}, values...))
}

func dropTag(e *Event, name string) {
	for i, tag := range e.Tags {
		if tag[0] == name {
			e.Tags = append(e.Tags[:i:i], e.Tags[i+1:]...)
			return
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

// signed reads a document that is a part of a vector. It is kept with its
// signature, for which another would do as well.
func signed(t testing.TB, name string) Event {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "signed", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
