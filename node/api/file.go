package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// FileName is the file in a node's home that tells clients how to reach it.
const FileName = "api.json"

// File is the content of api.json. It holds a secret: 0600, never logged.
type File struct {
	Addr  string `json:"addr"` // host:port
	Token string `json:"token"`
	PID   int    `json:"pid"`
}

// ReadFile reads the api.json of a home. It answers ErrNotRunning when there
// is none and ErrReadableByOthers when others could have read the token.
func ReadFile(home string) (File, error) {
	path := filepath.Join(home, FileName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return File{}, fmt.Errorf("%w (%s)", ErrNotRunning, home)
	}
	if err != nil {
		return File{}, fmt.Errorf("read api file: %w", err)
	}
	if err := private(path, info); err != nil {
		return File{}, err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return File{}, fmt.Errorf("read api file: %w", err)
	}
	var f File
	if err := json.Unmarshal(raw, &f); err != nil || f.Addr == "" || f.Token == "" {
		return File{}, fmt.Errorf("%w: %s is damaged", ErrNotRunning, path)
	}
	return f, nil
}

// private refuses a file of secrets that other users can read.
func private(path string, info fs.FileInfo) error {
	// Windows has no mode bits to look at: there the profile folder protects it.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%w: %s has mode %04o", ErrReadableByOthers, path, info.Mode().Perm())
	}
	return nil
}

// write replaces api.json.
func (f File) write(home string) error {
	raw, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("api: encode api file: %w", err)
	}
	return replaceFile(home, FileName, append(raw, '\n'))
}

// replaceFile writes a private file of the home in one step, so that no client
// reads half of it.
func replaceFile(home, name string, raw []byte) error {
	// CreateTemp makes 0600 files, whatever the umask lets through.
	tmp, err := os.CreateTemp(home, name+".*")
	if err != nil {
		return fmt.Errorf("api: write %s: %w", name, err)
	}
	_, werr := tmp.Write(raw)
	// Synced, because a power cut would else leave an empty token behind, which
	// no node starts with.
	if err := errors.Join(werr, tmp.Sync(), tmp.Close()); err != nil {
		return errors.Join(fmt.Errorf("api: write %s: %w", name, err), os.Remove(tmp.Name()))
	}
	if err := os.Rename(tmp.Name(), filepath.Join(home, name)); err != nil {
		return errors.Join(fmt.Errorf("api: write %s: %w", name, err), os.Remove(tmp.Name()))
	}
	return nil
}

// remove deletes api.json unless another node has put its own there since. The
// token may have been rotated, so it does not tell.
func (f File) remove(home string) {
	if now, err := ReadFile(home); err == nil && now.PID == f.PID && now.Addr == f.Addr {
		_ = os.Remove(filepath.Join(home, FileName))
	}
}
