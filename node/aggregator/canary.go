package aggregator

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/store"
)

// A canary is a shard whose answer is known: one that independent providers
// agreed on in an earlier job of the same image, model, arguments and split. To
// who gets it, it is a shard like the others: of the same kind of input, with as
// many units as a real one of this job. It is kept with all who have seen it and
// never given to one of them again. What a client had computed here is shown to
// nobody else: nothing is learned from its jobs.

const (
	maxKnown      = 500       // answers kept of one kind of work
	maxKnownBytes = 256 << 20 // inputs and results of all of them
	maxKnownEach  = 16 << 20  // one input with its result
	maxLearned    = 64        // taken over from one job
	maxSeen       = 64        // an answer that so many know is worn out
)

// bootstrapRate is the share of a job's shards that is sampled where canaries
// were asked for and no answers are known yet: what agrees then is known to the
// next job.
const bootstrapRate = 200_000

// known is one answer.
type known struct {
	Input job.Input `json:"input"`
	Root  string    `json:"root"`
	Size  uint64    `json:"size"`
	Seen  []string  `json:"seen"`  // operators that computed it
	At    time.Time `json:"at"`    // when it was learned
	Claim job.ID    `json:"claim"` // the last job that took it
}

func (k known) bytes() uint64 { return k.Input.Bytes + k.Size }

// kindOfWork names what has the same answer for the same input.
func kindOfWork(spec job.Spec, img job.Image, model job.Model) string {
	h := sha256.New()
	add := func(s string) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	add(img.Digest)
	add(model.CID)
	add(spec.Split.By)
	for _, in := range spec.Inputs[:min(len(spec.Inputs), 1)] {
		add(filepath.Ext(in.Path)) // the input's file is called by it
	}
	for _, a := range spec.Task.Args {
		add(a)
	}
	for _, kv := range spec.Task.Env {
		add(kv[0] + "=" + kv[1])
	}
	add(fmt.Sprint(spec.Task.Seed))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func knownPrefix(kind string) string { return "canary/" + kind + "/" }

func knownKey(kind, cid string) []byte { return []byte(knownPrefix(kind) + cid) }

// scanKnown calls fn with each answer under a prefix.
func scanKnown(r store.Reader, prefix string, fn func(key string, k known) error) error {
	return r.Scan([]byte(prefix), func(key, value []byte) error {
		var k known
		if err := json.Unmarshal(value, &k); err != nil {
			return fmt.Errorf("decode a known answer: %w", err)
		}
		return fn(string(key), k)
	})
}

func (d *Driver) allKnown(prefix string) (all []known, err error) {
	err = d.Store.View(func(r store.Reader) error {
		all = nil
		return scanKnown(r, prefix, func(_ string, k known) error {
			all = append(all, k)
			return nil
		})
	})
	return all, err
}

// changeKnown changes one answer; change returns false to forget it. One that
// is not there stays so.
func (d *Driver) changeKnown(key []byte, change func(*known) bool) error {
	return d.Store.Update(func(tx store.Txn) error {
		raw, err := tx.Get(key)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		var k known
		if err := json.Unmarshal(raw, &k); err != nil {
			return err
		}
		if !change(&k) {
			return tx.Delete(key)
		}
		data, err := json.Marshal(k)
		if err != nil {
			return err
		}
		return tx.Set(key, data)
	})
}

// canaries draws the shards with a known answer for a job that is being made,
// and claims them. Where there are too few the spec is changed: the job's own
// shards are sampled instead.
func (d *Driver) canaries(ev *job.Submit) error {
	want := ev.Spec.Verify.Canaries(len(ev.Inputs))
	probes := d.probes(*ev)
	if want+probes == 0 {
		return nil
	}
	kind := kindOfWork(ev.Spec, ev.Image, ev.Model)
	fit, err := d.fitting(*ev)
	if err != nil {
		return err
	}
	rand.Shuffle(len(fit), func(i, k int) { fit[i], fit[k] = fit[k], fit[i] })
	// Those that few have seen fit more providers.
	slices.SortStableFunc(fit, func(a, b known) int { return len(a.Seen) - len(b.Seen) })
	for i, k := range fit[:min(want+probes, len(fit))] {
		in := k.Input
		in.Name = "" // the machine places and names it
		in.Known = &job.Known{Root: k.Root, Size: k.Size, Not: k.Seen, Probe: i >= want}
		ev.Inputs = append(ev.Inputs, in)
		err := d.changeKnown(knownKey(kind, k.Input.CID), func(k *known) bool { k.Claim = ev.ID; return true })
		if err != nil {
			return err
		}
	}
	if len(fit) < want {
		d.Log.Info("too few answers are known for canaries; sampling instead", "job", ev.ID.Short(), "known", len(fit), "wanted", want)
		sampled(&ev.Spec.Verify)
	}
	return nil
}

// sampled is how a job is checked that wants canaries when too few are known.
func sampled(v *job.Verify) {
	v.Mode, v.Rate = job.VerifySample, max(v.Rate, bootstrapRate)
}

// maxProbes is how many known answers a job keeps ready for validators.
const maxProbes = 4

// probes is how many a job may need: none unless strangers offer to validate.
// What is not needed is given to nobody.
func (d *Driver) probes(ev job.Submit) int {
	if !d.judged.Load() || ev.Spec.Verify.Mode == job.VerifyNone {
		return 0
	}
	return min(maxProbes, 1+len(ev.Inputs)/100)
}

// fitting lists the known answers that a job could have as canaries now.
func (d *Driver) fitting(ev job.Submit) ([]known, error) {
	units, own := map[uint64]bool{}, map[string]bool{}
	for _, in := range ev.Inputs {
		units[in.Units], own[in.CID] = true, true // twice in a job would tell
	}
	fit, err := d.allKnown(knownPrefix(kindOfWork(ev.Spec, ev.Image, ev.Model)))
	return slices.DeleteFunc(fit, func(k known) bool {
		return !units[k.Input.Units] || own[k.Input.CID] || d.actor(k.Claim) != nil || !d.Content.Has(k.Input.CID) || !d.Content.Has(k.Root)
	}), err
}

// knowable counts them.
func (d *Driver) knowable(ev job.Submit) (int, error) {
	if ev.Spec.Verify.Canaries(len(ev.Inputs)) == 0 {
		return 0, nil
	}
	fit, err := d.fitting(ev)
	return len(fit), err
}

// seen writes down that an operator is about to get an input whose answer is
// known, before it does: as a canary, or as a shard like any other.
func (d *Driver) seen(j job.Job, in job.Input, operator string) error {
	key := knownKey(kindOfWork(j.Spec, j.Image, j.Model), in.CID)
	err := d.Store.View(func(r store.Reader) error {
		_, err := r.Get(key)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	return d.changeKnown(key, func(k *known) bool {
		if !slices.Contains(k.Seen, operator) {
			k.Seen = append(k.Seen, operator)
		}
		return true
	})
}

// learn takes over what a job has made known, and forgets what it has shown to
// be wrong or worn out. A client's inputs are its own: of its job nothing is kept.
func (d *Driver) learn(j job.Job) error {
	if !j.Client.IsZero() {
		return nil
	}
	kind := kindOfWork(j.Spec, j.Image, j.Model)
	var sure []*job.Shard
	for _, sh := range j.Shards {
		if sh.Input.Known == nil {
			if len(sure) < maxLearned && sureOf(sh) {
				sure = append(sure, sh)
			}
			continue
		}
		err := d.changeKnown(knownKey(kind, sh.Input.CID), func(k *known) bool {
			return len(k.Seen) < maxSeen && !contradicted(sh)
		})
		if err != nil {
			return err
		}
	}
	who, err := d.whoComputed(j, sure)
	if err != nil {
		return err
	}
	for _, sh := range sure {
		if err := d.keepKnown(kind, sh, who[sh.Input.CID]); err != nil {
			return err
		}
	}
	return d.forgetKnown(kind)
}

// earlierJobs is how many jobs of the same image and model are looked through
// for who has computed an input before.
const earlierJobs = 16

// whoComputed lists the operators that were given the inputs of these shards, in
// this job and the last ones like it: a job that is run again has the same ones.
func (d *Driver) whoComputed(j job.Job, shards []*job.Shard) (map[string][]string, error) {
	who := map[string][]string{}
	for _, sh := range shards {
		who[sh.Input.CID] = nil
	}
	if len(who) == 0 {
		return nil, nil
	}
	ids, err := d.likeJobs(j, earlierJobs)
	if err != nil {
		return nil, err
	}
	all := []job.Job{j}
	for _, id := range ids {
		if id == j.ID {
			continue
		}
		old, err := d.Get(id)
		if err != nil {
			return nil, err
		}
		all = append(all, old)
	}
	for _, old := range all {
		for _, sh := range old.Shards {
			list, ok := who[sh.Input.CID]
			for _, a := range sh.Attempts {
				if op := operatorOf(a); ok && !slices.Contains(list, op) {
					list = append(list, op)
				}
			}
			if ok {
				who[sh.Input.CID] = list
			}
		}
	}
	return who, nil
}

// contradicted reports whether those who got a canary agreed on another answer,
// or could not be compared with it: then the answer is of no use, whoever is
// right.
func contradicted(sh *job.Shard) bool {
	if sh.Result != "" && sh.Result != sh.Input.Known.Root {
		return true
	}
	wrong := 0
	for _, a := range sh.Attempts {
		if a.Reason.Code == job.CodeMismatch || a.Reason.Code == job.CodeInconclusive {
			wrong++
		}
	}
	return wrong > 1
}

// sureOf reports whether a shard's result rests on more than one provider.
func sureOf(sh *job.Shard) bool {
	return sh.Result != "" && sh.Label != job.LabelClaimed && len(sh.Group) > 1 &&
		sh.Input.CID != "" && sh.Input.Bytes+sh.Size <= maxKnownEach
}

// keepKnown adds one answer, with all who worked on it as those who know it. One
// that is known already, by an older job, stays.
func (d *Driver) keepKnown(kind string, sh *job.Shard, who []string) error {
	data, err := json.Marshal(known{
		Input: sh.Input, Root: sh.Result, Size: sh.Size, Seen: who, At: time.Now().UTC().Round(time.Second),
	})
	if err != nil {
		return err
	}
	return d.Store.Update(func(tx store.Txn) error {
		key := knownKey(kind, sh.Input.CID)
		if _, err := tx.Get(key); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return tx.Set(key, data)
	})
}

// operatorOf is who runs the attempt's provider, as the machine counts it.
func operatorOf(a job.Attempt) string {
	if a.Operator != "" {
		return a.Operator
	}
	return a.Provider.Hex()
}

// forgetKnown keeps the answers within their bounds: the oldest of this kind of
// work go first, and then the oldest of all.
func (d *Driver) forgetKnown(kind string) error {
	type line struct {
		key   string
		own   bool // of this kind of work
		at    time.Time
		bytes uint64
	}
	var all []line
	mine, total := 0, uint64(0)
	err := d.Store.View(func(r store.Reader) error {
		all, mine, total = nil, 0, 0
		return scanKnown(r, "canary/", func(key string, k known) error {
			l := line{key, strings.HasPrefix(key, knownPrefix(kind)), k.At, k.bytes()}
			all = append(all, l)
			total += l.bytes
			if l.own {
				mine++
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b line) int { return a.at.Compare(b.at) })
	for _, l := range all {
		if total <= maxKnownBytes && (mine <= maxKnown || !l.own) {
			continue
		}
		if err := d.Store.Update(func(tx store.Txn) error { return tx.Delete([]byte(l.key)) }); err != nil {
			return err
		}
		total -= l.bytes
		if l.own {
			mine--
		}
	}
	return nil
}

// knownCIDs are the inputs and results of all known answers: they are in use.
func (d *Driver) knownCIDs() (cids []string) {
	all, err := d.allKnown("canary/")
	if err != nil {
		d.Log.Error("read known answers", "err", err)
	}
	for _, k := range all {
		cids = append(cids, k.Input.CID, k.Root)
	}
	return cids
}
