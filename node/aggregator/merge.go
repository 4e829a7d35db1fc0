package aggregator

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/store/blob"
)

// ResultDir is the folder with a finished job's merged result.
func (d *Driver) ResultDir(id job.ID) string { return filepath.Join(d.cfg.Dir, "results", id.String()) }

// merge puts the verified shard results together under a temporary name and
// moves them into place whole.
func (d *Driver) merge(ctx context.Context, j job.Job, e job.Merge) (job.Event, error) {
	dest := d.ResultDir(j.ID)
	if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dest), ".merge-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	shards, out := filepath.Join(tmp, "shards"), filepath.Join(tmp, "out")
	if err := d.exportShards(ctx, e.Roots, shards); err != nil {
		return mergeFailed(ctx, err)
	}
	if e.By == job.MergeConcat {
		err = concat(shards, len(e.Roots), out)
	} else {
		err = os.Rename(shards, out)
	}
	if err != nil {
		return mergeFailed(ctx, err)
	}
	info, err := d.addResult(ctx, out)
	if err != nil {
		return mergeFailed(ctx, err)
	}
	if err := os.Chmod(out, 0o755); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dest); err != nil { // of an earlier, interrupted merge
		return nil, err
	}
	if err := os.Rename(out, dest); err != nil {
		return nil, err
	}
	return job.Merged{CID: info.CID, Size: info.Size, Now: time.Now()}, nil
}

// addResult stores the result: a single file as a file, else the folder.
func (d *Driver) addResult(ctx context.Context, out string) (blob.Info, error) {
	entries, err := os.ReadDir(out)
	if err != nil {
		return blob.Info{}, err
	}
	var info blob.Info
	if len(entries) == 1 && entries[0].Type().IsRegular() {
		info, err = d.Content.Blobs().AddFile(ctx, filepath.Join(out, entries[0].Name()), blob.AddOptions{Pin: true})
	} else {
		info, err = d.Content.AddTree(ctx, out)
	}
	return info, err
}

func mergeFailed(ctx context.Context, err error) (job.Event, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return job.MergeFailed{Text: err.Error(), Now: time.Now()}, nil
}

func (d *Driver) exportShards(ctx context.Context, roots []string, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for i, root := range roots {
		if err := d.Content.Blobs().Export(ctx, root, filepath.Join(dir, shardName(i)), blob.Limits{}); err != nil {
			return fmt.Errorf("shard %d: %w", i, err)
		}
	}
	return nil
}

func shardName(i int) string { return fmt.Sprintf("shard-%05d", i) }

// concat joins the files of the same path of all shards, in shard order.
func concat(shards string, n int, out string) error {
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	for i := range n {
		root := filepath.Join(shards, shardName(i))
		paths, err := regularFiles(root)
		if err != nil {
			return err
		}
		for _, p := range paths {
			if err := appendFile(filepath.Join(out, p), filepath.Join(root, p)); err != nil {
				return err
			}
		}
	}
	return nil
}

func regularFiles(root string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		paths = append(paths, rel)
		return err
	})
	slices.Sort(paths)
	return paths, err
}

func appendFile(dest, src string) error {
	if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
		return err
	}
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(dest, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return err
}
