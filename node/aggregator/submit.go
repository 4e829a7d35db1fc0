package aggregator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Request is a job as its client describes it.
type Request struct {
	Spec   job.Spec
	Dir    string          // relative paths of the spec start here
	Client identity.PubKey // zero: this node's own job
}

// Submit resolves image, model and inputs, cuts the inputs into shards, writes
// the job down and starts it.
func (d *Driver) Submit(ctx context.Context, req Request) (job.Job, error) {
	ev, err := d.prepare(ctx, req)
	if err != nil {
		return job.Job{}, err
	}
	if !req.Spec.Aggregator.IsZero() && req.Spec.Aggregator != d.Key.PubKey() {
		return d.handOver(ctx, ev)
	}
	if err := d.canaries(&ev); err != nil {
		return job.Job{}, fmt.Errorf("canaries: %w", err)
	}
	return d.launch(ctx, ev)
}

// prepare resolves what the request names and cuts the inputs, under an id and
// a secret of its own.
func (d *Driver) prepare(ctx context.Context, req Request) (job.Submit, error) {
	img, err := d.Content.ResolveImage(ctx, req.Spec.Task.Image, req.Dir)
	if err != nil {
		return job.Submit{}, fmt.Errorf("task.image: %w", err)
	}
	ev := job.Submit{
		Client: req.Client, Spec: req.Spec, Now: time.Now(), ProbePPM: d.cfg.ProbePPM,
		Image: job.Image{Digest: img.Digest, CID: img.CID, Bytes: img.Size},
	}
	if req.Spec.Model != "" {
		model, err := d.Content.ResolveModel(ctx, req.Spec.Model, req.Dir)
		if err != nil {
			return job.Submit{}, fmt.Errorf("model: %w", err)
		}
		ev.Model = job.Model{CID: model.CID, Bytes: model.Size}
	}
	if ev.Inputs, err = d.shards(ctx, req); err != nil {
		return job.Submit{}, fmt.Errorf("inputs: %w", err)
	}
	ev.ID, ev.Secret = wire.JobID(), wire.RandomID()
	return ev, nil
}

// shards cuts the inputs as the spec says and stores each piece as a folder
// that becomes /in of its task.
func (d *Driver) shards(ctx context.Context, req Request) ([]job.Input, error) {
	scratch, err := os.MkdirTemp(d.cfg.Dir, ".split-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	files, err := d.inputFiles(ctx, req, scratch)
	if err != nil {
		return nil, err
	}
	c := cutter{d: d, scratch: scratch}
	switch req.Spec.Split.By {
	case job.SplitByLines:
		err = c.byLines(ctx, files, req.Spec.Split.Size)
	case job.SplitByFiles:
		err = c.byFiles(ctx, files, int(req.Spec.Split.Size))
	default:
		err = c.byFiles(ctx, files, max(len(files), 1))
	}
	return c.out, err
}

// inputFiles lists the files of all inputs in order; CIDs are written to
// scratch first.
func (d *Driver) inputFiles(ctx context.Context, req Request, scratch string) ([]string, error) {
	var files []string
	for i, in := range req.Spec.Inputs {
		path := in.Path
		if in.CID != "" {
			path = filepath.Join(scratch, fmt.Sprintf("cid-%d", i))
			if err := d.Content.Bring(ctx, in.CID, path, req.Client); err != nil {
				return nil, err
			}
		} else if !filepath.IsAbs(path) {
			path = filepath.Join(req.Dir, path)
		}
		found, err := regularFiles(path)
		if err != nil {
			return nil, err
		}
		for _, rel := range found {
			files = append(files, filepath.Join(path, rel))
		}
	}
	return files, nil
}

// cutter stores the pieces.
type cutter struct {
	d       *Driver
	scratch string
	out     []job.Input
}

// byLines joins the files and cuts every size lines.
func (c *cutter) byLines(ctx context.Context, files []string, size uint32) error {
	var readers []io.Reader
	for _, f := range files {
		in, err := os.Open(f)
		if err != nil {
			return err
		}
		defer in.Close()
		readers = append(readers, in)
	}
	name := "input.jsonl"
	if len(files) > 0 && filepath.Ext(files[0]) != "" {
		name = "input" + filepath.Ext(files[0])
	}
	_, err := job.SplitLines(io.MultiReader(readers...), size, func(_ int, piece *job.LineShard) error {
		dir := filepath.Join(c.scratch, "piece")
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if err := writeAll(filepath.Join(dir, name), piece); err != nil {
			return err
		}
		return c.add(ctx, dir, piece.Lines())
	})
	return err
}

func writeAll(path string, r io.Reader) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, r)
	return errors.Join(err, out.Close())
}

// byFiles puts every size files into one shard.
func (c *cutter) byFiles(ctx context.Context, files []string, size int) error {
	for len(files) > 0 {
		n := min(size, len(files))
		dir := filepath.Join(c.scratch, "piece")
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		for _, f := range files[:n] {
			if err := copyNew(filepath.Join(dir, filepath.Base(f)), f); err != nil {
				return err
			}
		}
		if err := c.add(ctx, dir, uint64(n)); err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		files = files[n:]
	}
	return nil
}

func (c *cutter) add(ctx context.Context, dir string, units uint64) error {
	info, err := c.d.Content.AddTree(ctx, dir)
	if err != nil {
		return err
	}
	c.out = append(c.out, job.Input{
		CID: info.CID, Units: units, Bytes: info.Size, Name: fmt.Sprintf("shard %d", len(c.out)),
	})
	return nil
}

// copyNew refuses two files of one name in one shard instead of losing one.
func copyNew(dest, src string) error {
	if _, err := os.Stat(dest); err == nil {
		return fmt.Errorf("%w: two files are called %q in one shard", content.ErrAmbiguous, filepath.Base(dest))
	}
	return appendFile(dest, src)
}
