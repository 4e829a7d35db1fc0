package devnet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"infernet.tech/infernet/node/api"
)

const (
	stopGrace = 15 * time.Second // for a node to end its containers and itself
	killGrace = time.Minute      // for the system to take a killed one away: it may wait for a disk
	lookEvery = 20 * time.Millisecond
)

// Down ends the network of a folder and removes everything of it that is not
// an ordinary file below the folder: processes, containers, mounts, control
// groups, sockets. Keys, logs and content stay. A folder without a network is
// left as it is. Errors: ErrBusy, ErrLeftBehind.
func Down(ctx context.Context, dir string) error {
	dir, err := realPath(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("devnet: %w", err)
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer unlock()
	return clean(ctx, dir)
}

// clean does Down's work under the folder's lock.
func clean(ctx context.Context, dir string) error {
	records, err := readRecords(dir)
	if err != nil {
		return err
	}
	// A node may have been started again by hand. Each is asked once: asked
	// again, a node ends without taking its containers with it.
	for _, r := range nodesBelow(dir) {
		if !slices.ContainsFunc(records, func(x record) bool { return x.PID == r.PID && x.Mark == r.Mark }) {
			records = append(records, r)
		}
	}
	if err := stopAll(ctx, records); err != nil {
		return err
	}
	if err := sweep(ctx, dir); err != nil {
		return err
	}
	removeSockets(dir)
	for _, name := range []string{FileName, recordsName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("devnet: %w", err)
		}
	}
	return nil
}

// stopAll asks the processes to end, and kills those that do not. Providers
// and the others end side by side: each of them expects others to vanish.
func stopAll(ctx context.Context, records []record) error {
	for _, r := range records {
		r.signal(false)
	}
	wait(ctx, records, stopGrace)
	for _, r := range records {
		r.signal(true)
	}
	// A caller in a hurry has shortened the asking, never the killing.
	wait(context.WithoutCancel(ctx), records, killGrace)
	for _, r := range records {
		if r.alive() {
			return fmt.Errorf("%w: process %d (%s)", ErrLeftBehind, r.PID, r.Name)
		}
	}
	return nil
}

// wait returns when the processes have ended, or after the time.
func wait(ctx context.Context, records []record, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for anyAlive(records) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// removeSockets takes away what would look like a running node: API files and
// sockets of homes whose process has ended.
func removeSockets(dir string) {
	for _, home := range homes(dir) {
		_ = os.Remove(filepath.Join(home, api.FileName))
		entries, err := os.ReadDir(home)
		if err != nil {
			continue
		}
		for _, e := range entries {
			path := filepath.Join(home, e.Name())
			if e.Type()&fs.ModeSocket == 0 {
				continue
			}
			if conn, err := net.Dial("unix", path); err == nil {
				_ = conn.Close() // somebody answers: not ours to remove
				continue
			}
			_ = os.Remove(path)
		}
	}
}

// homes lists the folders of dir in which a node has a key.
func homes(dir string) []string {
	keys, err := filepath.Glob(filepath.Join(dir, "*", "key"))
	if err != nil {
		return nil
	}
	var out []string
	for _, k := range keys {
		out = append(out, filepath.Dir(k))
	}
	return out
}
