package node_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/nodetest"
	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store/blob"
)

// gated makes a member's tasks wait until open is closed.
func gated(open <-chan struct{}) func(*nodetest.Member) {
	return func(m *nodetest.Member) {
		m.Runner.Program = func(ctx context.Context, t exec.Task, s exec.Streams) exec.Result {
			select {
			case <-open:
			case <-ctx.Done():
			}
			return nodetest.Upper(ctx, t, s)
		}
	}
}

func TestAcceptMustKeepToTheQuote(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	m := c.Add("provider", node.RoleProvider)
	boss, other := c.Boss(), c.Boss()
	theirs := other.Quoted(m)
	for name, tc := range map[string]struct {
		change func(*wire.Accept)
		code   string
	}{
		"no quote":           {func(a *wire.Accept) { a.Quote = wire.RandomID() }, "no_quote"},
		"another's quote":    {func(a *wire.Accept) { a.Quote = theirs.Quote }, "no_quote"},
		"another job":        {func(a *wire.Accept) { a.Job = wire.RandomID() }, "mismatch"},
		"smaller amount":     {func(a *wire.Accept) { a.Amount-- }, "mismatch"},
		"nothing":            {func(a *wire.Accept) { a.Amount = 0 }, "mismatch"},
		"another unit":       {func(a *wire.Accept) { a.Unit = "msat" }, "mismatch"},
		"another rail":       {func(a *wire.Accept) { a.Rail = "fake" }, "mismatch"},
		"more cpu":           {func(a *wire.Accept) { a.CPUMillis++ }, "mismatch"},
		"more memory":        {func(a *wire.Accept) { a.MemoryBytes++ }, "mismatch"},
		"more disk":          {func(a *wire.Accept) { a.DiskBytes++ }, "mismatch"},
		"more processes":     {func(a *wire.Accept) { a.PIDs++ }, "mismatch"},
		"a gpu":              {func(a *wire.Accept) { a.GPUs++ }, "mismatch"},
		"more time":          {func(a *wire.Accept) { a.TimeoutMS++ }, "mismatch"},
		"a later deadline":   {func(a *wire.Accept) { a.Deadline++ }, "mismatch"},
		"a deadline past":    {func(a *wire.Accept) { a.Deadline = time.Now().Unix() - 1 }, "stale"},
		"more units":         {func(a *wire.Accept) { a.Units, a.Amount = 6, 6 }, "mismatch"},
		"a shard too many":   {func(a *wire.Accept) { a.Shard = 8 }, "mismatch"},
		"another image":      {func(a *wire.Accept) { a.Image = "sha256:" + wire.RandomID().String() }, "mismatch"},
		"another image blob": {func(a *wire.Accept) { a.ImageCID = a.InputCID }, "mismatch"},
		"a model":            {func(a *wire.Accept) { a.ModelCID = a.InputCID }, "mismatch"},
	} {
		bad := boss.Quoted(m) // one of its own: a quote holds for half a minute
		tc.change(&bad)
		if _, code := boss.Committed(m, bad); code != tc.code {
			t.Errorf("%s: %q, want %q", name, code, tc.code)
		}
	}
	if n := len(m.Runner.Started()); n != 0 {
		t.Fatalf("%d tasks were run", n)
	}
	good := boss.Quoted(m)
	if _, code := boss.Committed(m, good); code != "" {
		t.Fatalf("the right accept: %s", code)
	}
	// Known by now: the same again is the same attempt, other terms are not.
	if _, code := boss.Committed(m, good); code != "" {
		t.Errorf("the same accept again: %s", code)
	}
	for name, change := range map[string]func(*wire.Accept){
		"arguments":   func(a *wire.Accept) { a.Args = []string{"more"} },
		"environment": func(a *wire.Accept) { a.Env = [][2]string{{"A", "b"}} },
		"input":       func(a *wire.Accept) { a.InputCID = a.ImageCID },
		"seed":        func(a *wire.Accept) { a.Seed++ },
		"units":       func(a *wire.Accept) { a.Units, a.Amount = 4, 4 },
		"memory":      func(a *wire.Accept) { a.MemoryBytes-- },
		"time":        func(a *wire.Accept) { a.TimeoutMS-- },
	} {
		bad := good
		change(&bad)
		if _, code := boss.Committed(m, bad); code != "mismatch" {
			t.Errorf("the same attempt with other %s: %q, want mismatch", name, code)
		}
	}
	if n := len(m.Runner.Started()); n != 1 {
		t.Errorf("%d tasks were run, want 1", n)
	}
}

// What belongs to one aggregator is nobody else's, and nothing is revealed
// before its commit is shown.
func TestAttemptsOfOthers(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	open := make(chan struct{})
	m := c.Add("provider", node.RoleProvider, gated(open))
	boss, thief := c.Boss(), c.Boss()
	acc := boss.Quoted(m)
	type answer struct {
		ev   wire.Event
		code string
	}
	done := make(chan answer, 1)
	go func() {
		ev, code := boss.Committed(m, acc)
		done <- answer{ev, code}
	}()
	nodetest.Predicate(t, 10*time.Second, "the task runs", func() bool { return len(m.Runner.Started()) == 1 })

	ask := wire.RevealRequest{Job: acc.Job, Shard: acc.Shard, Attempt: acc.Attempt, Commits: []wire.ID{wire.RandomID()}}
	if code, _ := boss.Code(m, p2p.ProtoJob, boss.Seal(ask)); code != "early_reveal" {
		t.Errorf("a reveal before the commit: %q", code)
	}
	cancel := wire.Cancel{Job: acc.Job, Shard: -1, Attempt: -1, Reason: "mine now"}
	if _, err := thief.Ask(m, p2p.ProtoJob, thief.Seal(cancel)); err == nil {
		t.Error("a cancel is answered")
	}
	if out, err := thief.Output(m, acc.Job, acc.Shard, acc.Attempt); err != nil || out != "" {
		t.Errorf("output of another's attempt: %q, %v", out, err)
	}
	close(open)
	got := <-done
	if got.code != "" {
		t.Fatalf("no commit: %s", got.code)
	}
	if code, _ := boss.Code(m, p2p.ProtoJob, boss.Seal(ask)); code != "early_reveal" {
		t.Errorf("a reveal without our commit in the list: %q", code)
	}
	ask.Commits = append(ask.Commits, got.ev.ID)
	if code, _ := thief.Code(m, p2p.ProtoJob, thief.Seal(ask)); code != "unknown" {
		t.Errorf("a reveal of another's attempt: %q", code)
	}
	code, ev := boss.Code(m, p2p.ProtoJob, boss.Seal(ask))
	if code != "" {
		t.Fatalf("no reveal: %s", code)
	}
	reveal, err := wire.Decode[wire.Reveal](ev)
	if err != nil {
		t.Fatal(err)
	}
	if err := thief.Fetch(m, thief.Blobs, reveal.Root); !errors.Is(err, blob.ErrRefused) {
		t.Errorf("a result of another's: %v, want refused", err)
	}
	if err := boss.Fetch(m, boss.Blobs, acc.ImageCID); err != nil {
		t.Errorf("own image: %v", err) // it is here already
	}
	if err := boss.Fetch(m, boss.Blobs, reveal.Root); err != nil {
		t.Errorf("own result: %v", err)
	}
	if out, err := boss.Output(m, acc.Job, acc.Shard, acc.Attempt); err != nil || out != "done\n" {
		t.Errorf("own output: %q, %v", out, err)
	}
}

// revealed brings one shard of a boss to its reveal.
func revealed(t *testing.T, b *nodetest.Boss, m *nodetest.Member, shard uint32) (wire.Accept, wire.Event, wire.Event) {
	t.Helper()
	acc := b.Quoted(m)
	acc.Shard = shard
	commit, code := b.Committed(m, acc)
	if code != "" {
		t.Fatalf("no commit: %s", code)
	}
	code, reveal := b.Code(m, p2p.ProtoJob, b.Seal(wire.RevealRequest{
		Job: acc.Job, Shard: acc.Shard, Attempt: acc.Attempt, Commits: []wire.ID{commit.ID},
	}))
	if code != "" {
		t.Fatalf("no reveal: %s", code)
	}
	return acc, commit, reveal
}

// settlement is an honest verdict and receipt.
func settlement(t *testing.T, b *nodetest.Boss, m *nodetest.Member, acc wire.Accept, commit, reveal wire.Event) (wire.Verdict, wire.Receipt) {
	t.Helper()
	r, err := wire.Decode[wire.Reveal](reveal)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixMilli()
	v := wire.Verdict{
		Job: acc.Job, Shard: acc.Shard, Attempt: acc.Attempt, Provider: m.Key(),
		Verdict: wire.VerdictOK, Label: wire.LabelClaimed, Comparator: "exact",
	}
	return v, wire.Receipt{
		Job: acc.Job, Shard: acc.Shard, Attempt: acc.Attempt, Provider: m.Key(), Payer: b.ID(),
		Image: acc.Image, Units: acc.Units, Amount: acc.Amount, Unit: acc.Unit, Rail: acc.Rail,
		Verdict: wire.VerdictOK, Label: wire.LabelClaimed, Comparator: "exact",
		Root: r.Root, Commit: commit.ID, Reveal: reveal.ID, StartedMS: now, EndedMS: now,
	}
}

// A provider signs for what was agreed, done and paid, and for nothing else.
func TestReceiptsThatAreNotSo(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	m := c.Add("provider", node.RoleProvider)
	boss, other := c.Boss(), c.Boss()
	acc, commit, reveal := revealed(t, boss, m, 0)
	v, r := settlement(t, boss, m, acc, commit, reveal)

	say := func(b *nodetest.Boss, v wire.Verdict, r wire.Receipt) string {
		verdict := b.Seal(v)
		r.VerdictID = verdict.ID
		code, _ := b.Code(m, p2p.ProtoJob, verdict, b.Seal(r))
		return code
	}
	if code := say(boss, v, r); code != "unpaid" {
		t.Errorf("unpaid: %q", code)
	}
	for name, tc := range map[string]struct {
		change func(*wire.Verdict, *wire.Receipt)
		code   string
	}{
		"less":           {func(_ *wire.Verdict, r *wire.Receipt) { r.Amount-- }, "mismatch"},
		"more":           {func(_ *wire.Verdict, r *wire.Receipt) { r.Amount++ }, "mismatch"},
		"another payer":  {func(_ *wire.Verdict, r *wire.Receipt) { r.Payer = other.ID() }, "mismatch"},
		"another's work": {func(v *wire.Verdict, _ *wire.Receipt) { v.Provider = other.ID() }, "mismatch"},
		"another root":   {func(_ *wire.Verdict, r *wire.Receipt) { r.Root = acc.InputCID }, "mismatch"},
		"another shard":  {func(_ *wire.Verdict, r *wire.Receipt) { r.Shard++ }, "mismatch"},
		"other units":    {func(_ *wire.Verdict, r *wire.Receipt) { r.Units++ }, "mismatch"},
		"bad receipt":    {func(_ *wire.Verdict, r *wire.Receipt) { r.Verdict, r.Amount = wire.VerdictBad, 0 }, "disputed"},
	} {
		v, r := v, r
		tc.change(&v, &r)
		if code := say(boss, v, r); code != tc.code {
			t.Errorf("%s: %q, want %q", name, code, tc.code)
		}
	}
	if code := say(other, v, r); code != "unknown" {
		t.Errorf("by another: %q", code)
	}
	if got := received(t, m, boss.NPub()); got != 0 {
		t.Errorf("the provider believes to have got %d", got)
	}

	// Paid, and then called bad: the money stays where the books say it is.
	proof, err := boss.Rail.Pay(t.Context(), payments.Payment{
		Ref: payments.NewRef(acc.Job.String(), acc.Shard, acc.Attempt), Peer: m.Key(),
		Amount: payments.Amount{Value: acc.Amount, Unit: payments.Credits},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.PayRef = string(proof.Ref)
	if code := say(boss, v, r); code != "" {
		t.Fatalf("paid: %s", code)
	}
	v.Verdict, r.Verdict, r.Amount = wire.VerdictBad, wire.VerdictBad, 0
	if code := say(boss, v, r); code != "" {
		t.Errorf("bad after all: %q, want the signature that was given", code)
	}
	if got := received(t, m, boss.NPub()); got != acc.Amount {
		t.Errorf("received %d, want %d", got, acc.Amount)
	}

	// Called bad from the start: not signed, and no longer expected.
	acc, commit, reveal = revealed(t, boss, m, 1)
	v, r = settlement(t, boss, m, acc, commit, reveal)
	v.Verdict, r.Verdict, r.Amount = wire.VerdictBad, wire.VerdictBad, 0
	if code := say(boss, v, r); code != "disputed" {
		t.Errorf("bad: %q", code)
	}

	// Paid before it is called bad: what has come is kept.
	acc, commit, reveal = revealed(t, boss, m, 2)
	if _, err := boss.Rail.Pay(t.Context(), payments.Payment{
		Ref: payments.NewRef(acc.Job.String(), acc.Shard, acc.Attempt), Peer: m.Key(),
		Amount: payments.Amount{Value: acc.Amount, Unit: payments.Credits},
	}); err != nil {
		t.Fatal(err)
	}
	v, r = settlement(t, boss, m, acc, commit, reveal)
	v.Verdict, r.Verdict, r.Amount = wire.VerdictBad, wire.VerdictBad, 0
	if code := say(boss, v, r); code != "disputed" {
		t.Errorf("paid and bad: %q", code)
	}
	if got := received(t, m, boss.NPub()); got != 2*acc.Amount {
		t.Errorf("received %d, want %d", got, 2*acc.Amount)
	}
	if n := len(m.Runner.Started()); n != 3 {
		t.Errorf("%d tasks were run, want 3", n)
	}
}

func received(t *testing.T, m *nodetest.Member, npub string) uint64 {
	t.Helper()
	balances, err := m.API().Balances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range balances {
		if b.Peer == npub {
			return b.Received
		}
	}
	return 0
}

// Nobody gets more work than the credit it was given covers.
func TestCreditRunsOut(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	open := make(chan struct{})
	m := c.Add("provider", node.RoleProvider, gated(open), func(m *nodetest.Member) { m.Config.CreditLimit = 12 })
	boss := c.Boss()
	acc := boss.Quoted(m)
	for shard := range uint32(2) {
		acc.Shard = shard
		ev, err := boss.Ask(m, p2p.ProtoJob, boss.Seal(acc))
		if err != nil || ev.Kind != wire.KindProgress {
			t.Fatalf("shard %d: %s, %v", shard, ev.Kind, err)
		}
	}
	acc.Shard = 2
	if _, code := boss.Committed(m, acc); code != "credit" {
		t.Errorf("over the limit: %q, want credit", code)
	}
	if code, _ := boss.Code(m, p2p.ProtoQuote, boss.Seal(boss.Offer)); code != "credit" {
		t.Errorf("a quote over the limit: %q, want credit", code)
	}
	// What is given back can be used again.
	cancel := wire.Cancel{Job: acc.Job, Shard: 1, Attempt: -1}
	if _, err := boss.Ask(m, p2p.ProtoJob, boss.Seal(cancel)); err == nil {
		t.Error("a cancel is answered")
	}
	close(open)
	nodetest.Predicate(t, 10*time.Second, "credit for one more", func() bool {
		_, code := boss.Committed(m, acc)
		return code == ""
	})
}

// An aggregator that is gone for a moment does not cost the provider its
// attempt.
func TestFetchOutlivesARestart(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	m := c.Add("provider", node.RoleProvider)
	boss := c.Boss()
	var asked atomic.Int64
	boss.Host.Handle(p2p.ProtoBlob, p2p.StreamLimits{}, func(ctx context.Context, s *p2p.Stream) {
		switch asked.Add(1) {
		case 1:
			_ = s.Reset() // it dies
		case 2:
			_ = boss.Blobs.ServeStream(ctx, s, func(string) error { return errors.New("not granted yet") })
		default:
			_ = boss.Blobs.ServeStream(ctx, s, nil)
		}
	})
	if _, code := boss.Committed(m, boss.Quoted(m)); code != "" {
		t.Errorf("no commit: %s", code)
	}
}
