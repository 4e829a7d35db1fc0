package devnet

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// recordsName is the file that lists every process that was ever started for
// the network, one JSON document a line. A line is added as soon as a process
// is there, long before FileName can be written.
const recordsName = "processes.jsonl"

// record names a process for ever: a pid is used again, but not with the same
// mark.
type record struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
	Mark string `json:"mark"` // when it was started, as the system counts
}

// alive tells whether the very process still runs.
func (r record) alive() bool {
	mark, err := startMark(r.PID)
	return err == nil && mark == r.Mark
}

// signal sends a signal unless the process has ended.
func (r record) signal(kill bool) {
	// The handle is taken before the mark is compared: it goes on meaning the
	// process that was compared.
	p, err := os.FindProcess(r.PID)
	if err != nil {
		return
	}
	defer func() { _ = p.Release() }()
	if !r.alive() {
		return
	}
	if kill {
		_ = p.Kill()
		return
	}
	_ = askToEnd(p)
}

func appendRecord(dir string, r record) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, recordsName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("devnet: %w", err)
	}
	_, werr := f.Write(append(raw, '\n'))
	return errors.Join(werr, f.Close())
}

// readRecords leaves out a last line that was not written whole.
func readRecords(dir string) ([]record, error) {
	f, err := os.Open(filepath.Join(dir, recordsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("devnet: %w", err)
	}
	defer func() { _ = f.Close() }()
	var all []record
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var r record
		if json.Unmarshal(sc.Bytes(), &r) == nil && r.PID > 1 && r.Mark != "" {
			all = append(all, r)
		}
	}
	return all, nil
}

func anyAlive(records []record) bool {
	for _, r := range records {
		if r.alive() {
			return true
		}
	}
	return false
}
