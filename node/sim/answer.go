package sim

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/wire"
)

// answer is what a provider does with one attempt.
type answer struct {
	p      *provider
	root   string // of the result it commits to
	size   uint64
	nonce  job.ID
	wrong  bool   // root is not the true result
	copies bool   // it would rather copy a commit than invent a result
	copied job.ID // what it copied
	cost   uint64 // in thousandths of the price
	took   time.Duration
	paid   bool
}

const resultSize = 1000

// usual is what an honest provider of pace 1 needs for a shard.
const usual = 20 * time.Second

// result is the CID of a text: raw bytes, SHA-256, in base32 (CIDv1).
func result(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "b" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(append([]byte{1, 0x55, 0x12, 0x20}, sum[:]...)))
}

// truth is the result that whoever computes the input gets.
func truth(input job.Input) string { return result("true/" + input.CID) }

// consider decides how a provider treats an attempt, before it computes.
func (w *world) consider(r *run, p *provider, e job.Dispatch) *answer {
	a := &answer{p: p, root: truth(e.Input), size: resultSize, nonce: w.id(), cost: costHonest}
	a.took = time.Duration(float64(usual) * p.pace * (0.8 + 0.4*w.rng.Float64()))
	switch p.player.strategy {
	case Lazy, DeadBeat:
		took := a.took // it waits for something to copy, and so as not to be told by its haste
		w.lie(a, fmt.Sprintf("%s/%d/%d", p.key.PubKey().Hex(), e.Shard, e.Attempt), 0)
		a.took, a.copies = took, true
	case Swapper:
		w.lie(a, "small/"+e.Input.CID, costSwap)
	case OnOff:
		if p.spree == 0 && p.right >= 20 {
			p.spree, p.right = 10, 0
		}
		if p.spree > 0 {
			p.spree--
			w.lie(a, "small/"+e.Input.CID, costSwap)
		}
	case Selective:
		if w.rng.Float64() < 0.2 {
			w.lie(a, "small/"+e.Input.CID, costSwap)
		}
	case Dear:
		if e.Amount.Value > w.usualPrice() {
			w.lie(a, "small/"+e.Input.CID, costSwap)
		}
	case Nod:
		w.lie(a, fmt.Sprintf("%s/%d/%d", p.key.PubKey().Hex(), e.Shard, e.Attempt), 0)
		if w.friend(r, e) {
			w.lie(a, "ring/"+e.Input.CID, 0)
		}
	case Collude, Sybil:
		w.lie(a, "ring/"+e.Input.CID, 0)
	case Whitewash:
		if p.right >= w.patience(p) {
			w.lie(a, "small/"+e.Input.CID, costSwap)
		}
	}
	return a
}

// friend reports whether a member of the ring has had the shard, which then told
// its validators what to say.
func (w *world) friend(r *run, e job.Dispatch) bool {
	for _, at := range r.j.Shards[e.Shard].Attempts {
		if p := w.byKey[at.Provider]; p != nil && p.player.strategy == Collude {
			return true
		}
	}
	return false
}

// patience is how many shards a whitewasher does honestly under a new name: half
// of them none, the other half as many as it takes to be audited less.
func (w *world) patience(p *provider) int {
	if p.key.PubKey()[0]&1 == 0 {
		return 0
	}
	return 12
}

// lie makes the answer a wrong one. Equal texts are equal results: who swaps in
// the same model answers the same.
func (w *world) lie(a *answer, text string, cost uint64) {
	a.root, a.wrong, a.cost = result("wrong/"+text), true, cost
	if cost == 0 {
		a.took = time.Second // nothing is computed
	}
}

// leaked is a commit of the same shard that a copier got hold of; zero when none
// is in yet.
func (w *world) leaked(r *run, e job.Dispatch) job.ID {
	for _, at := range r.j.Shards[e.Shard].Attempts {
		if at.N != e.Attempt && at.Commit.C != (job.ID{}) {
			return at.Commit.C
		}
	}
	return job.ID{}
}

// conspire is the last thing before a commit. A copier looks for one it can copy;
// a member of a ring cheats when another member has a copy of the shard. It cannot
// see whether an outsider has.
func (w *world) conspire(r *run, a *answer, e job.Dispatch) {
	if a.copies {
		a.copied = w.leaked(r, e)
		a.p.player.cheated = a.p.player.cheated || a.copied != (job.ID{})
	}
	if a.p.player.strategy != Ring {
		return
	}
	members := 0
	for _, at := range r.j.Shards[e.Shard].Attempts {
		if p := w.byKey[at.Provider]; p != nil && p.player.strategy == Ring && at.State.Live() {
			members++
		}
	}
	if members > 1 {
		w.lie(a, "ring/"+e.Input.CID, 0)
	}
}

// commit is what the provider signs: the hash of its result, or one it copied.
func (a *answer) commit(jobID job.ID, shard, attempt uint32) job.ID {
	if a.copied != (job.ID{}) {
		return a.copied
	}
	return wire.CommitHash(jobID, shard, attempt, a.p.key.PubKey(), a.root, a.size, a.nonce)
}
