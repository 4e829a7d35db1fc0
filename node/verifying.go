package node

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/compare/container"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/infer"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
)

// judge groups results by what a job calls equal, with the thresholds that the
// job names.
func (n *Node) judge() compare.Judge {
	return compare.Judge{
		Profile: func(ctx context.Context, cid string) ([]byte, error) {
			s, err := n.profiles.get(ctx, cid)
			if err != nil {
				return nil, err
			}
			return s.Bytes(), nil
		},
		Own: n.containerComparator,
	}
}

// replayer has answers computed through again by others.
type replayer struct{ n *Node }

// Replay implements aggregator.Replayer.
func (r replayer) Replay(ctx context.Context, j job.Job, shard job.Shard, result fs.FS, not []identity.PubKey) (answer, why string, score float64, err error) {
	var t compare.Thresholds // zero: those that suit how the answers were drawn
	if j.Spec.Verify.Profile != "" {
		t, err = r.n.judge().Thresholds(ctx, j.Spec.Verify)
	}
	if err != nil {
		return "", "", 0, err
	}
	scratch, err := os.MkdirTemp(r.n.cfg.path("scratch"), "replay-")
	if err != nil {
		return "", "", 0, err
	}
	defer os.RemoveAll(scratch)
	input := func(ctx context.Context, cid string) (fs.FS, error) {
		// An input may be one file, which has no name of its own.
		return os.DirFS(scratch), r.n.lib.Bring(ctx, cid, filepath.Join(scratch, "input"))
	}
	how := infer.JobReplays{Replay: r.n.router.ReplayAt, Input: input, Thresholds: t, Self: r.n.key.PubKey()}
	return how.ReplayJob(ctx, j, shard, result, not)
}

// comparing bounds one run of a comparator of a job's own: a strangers' program
// or not, it is not what this machine is for.
func comparing() exec.Limits {
	return exec.Limits{CPUMillis: 1000, MemoryBytes: 1 << 30, PIDs: 64, WallClock: time.Minute}
}

// containerComparator is the comparator of a job's own image, run here.
func (n *Node) containerComparator(ctx context.Context, image string) (compare.Comparator, error) {
	if n.runner == nil {
		return nil, fmt.Errorf("verify.compare: %w: this node has no containers", compare.ErrRunner)
	}
	e, layout, err := n.lib.PullImage(ctx, image, content.FetchOptions{Anyone: true})
	if err != nil {
		return nil, fmt.Errorf("verify.image: %w", err)
	}
	return container.New(container.Config{
		Image: exec.Image{Digest: e.Digest, Layout: layout}, Scratch: n.cfg.path("scratch"), Limits: comparing(),
	}, n.runner)
}

// fitting refuses a job whose comparator cannot be run here, or whose profile was
// measured for something else or cannot be had: better before anything is spent
// than in the midst of it.
func (n *Node) fitting(ctx context.Context, spec job.Spec, dir string) error {
	if spec.Verify.Compare == job.CompareContainer && spec.Aggregator.IsZero() {
		if _, err := n.containerComparator(ctx, spec.Verify.Image); err != nil {
			return err
		}
	}
	if spec.Verify.Profile == "" {
		return nil
	}
	s, err := n.profiles.get(ctx, spec.Verify.Profile)
	if err != nil {
		return fmt.Errorf("verify.profile: %w", err)
	}
	if s.Comparator != spec.Verify.Compare {
		return fmt.Errorf("verify.profile: %w: it is for %s, the job compares by %s", compare.ErrProfile, s.Comparator, spec.Verify.Compare)
	}
	image, err := n.lib.ResolveImage(ctx, spec.Task.Image, dir)
	if err != nil {
		return fmt.Errorf("task.image: %w", err)
	}
	var model content.Entry
	if spec.Model != "" {
		if model, err = n.lib.ResolveModel(ctx, spec.Model, dir); err != nil {
			return fmt.Errorf("model: %w", err)
		}
	}
	// On which class it runs is decided later; each class is compared by itself.
	if err := compare.Fits(s.Profile, model.CID, image.Digest, s.Class); err != nil {
		return fmt.Errorf("verify.profile: %w", err)
	}
	return nil
}
