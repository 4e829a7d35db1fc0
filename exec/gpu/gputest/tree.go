package gputest

import (
	"context"
	"embed"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"infernet.tech/infernet/exec/gpu"
)

//go:embed trees/*.txtar
var trees embed.FS

// Names returns the trees there are.
func Names() []string {
	files, err := fs.Glob(trees, "trees/*.txtar")
	if err != nil {
		panic(err) // the pattern is constant
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".txtar")
	}
	return files
}

// Tree lays a tree out in a temporary folder and returns it as a Linux
// machine.
func Tree(t testing.TB, name string) gpu.Host {
	t.Helper()
	raw, err := trees.ReadFile("trees/" + name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	m := machine{root: t.TempDir(), nodes: map[string][2]int64{}}
	for _, f := range txtar.Parse(raw).Files {
		if err := m.add(f.Name, f.Data); err != nil {
			t.Fatalf("%s: %s: %v", name, f.Name, err)
		}
	}
	return gpu.Host{Root: m.root, Command: m.command, Node: m.node, OS: "linux"}
}

type machine struct {
	root  string
	nodes map[string][2]int64
	runs  []run
}

type run struct{ words, output string }

func (m *machine) add(name string, data []byte) error {
	kind, rest, ok := strings.Cut(name, ":")
	if !ok || strings.Contains(kind, "/") {
		kind, rest = "", name
	}
	at := filepath.Join(m.root, filepath.FromSlash(rest))
	if kind == "run" {
		m.runs = append(m.runs, run{rest, string(data)})
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return err
	}
	switch kind {
	case "link":
		return os.Symlink(strings.TrimSpace(string(data)), at)
	case "char":
		var n [2]int64
		if _, err := fmt.Sscan(string(data), &n[0], &n[1]); err != nil {
			return err
		}
		m.nodes["/"+rest] = n
		data = nil
	case "elf", "elf32":
		data = elf(kind == "elf")
	case "cache":
		data = Cache(string(data))
	}
	return os.WriteFile(at, data, 0o600)
}

func (m *machine) node(path string) (major, minor int64, err error) {
	n, ok := m.nodes[path]
	if !ok {
		return 0, 0, &fs.PathError{Op: "lstat", Path: path, Err: fs.ErrNotExist}
	}
	return n[0], n[1], nil
}

func (m *machine) command(_ context.Context, name string, args ...string) ([]byte, error) {
	line := name + " " + strings.Join(args, " ")
	for _, r := range m.runs {
		if !strings.HasPrefix(line, r.words) {
			continue
		}
		first, rest, _ := strings.Cut(r.output, "\n")
		if code, ok := strings.CutPrefix(first, "exit "); ok {
			return []byte(rest), fmt.Errorf("%s: exit status %s", name, code)
		}
		return []byte(r.output), nil
	}
	return nil, fmt.Errorf("%w: %s", gpu.ErrNoCommand, name)
}

// elf returns the beginning of a library, as much as is looked at.
func elf(wide bool) []byte {
	b := make([]byte, 64)
	copy(b, "\x7fELF\x01\x01\x01")
	machine := uint16(3)
	if wide {
		b[4] = 2
		machine = map[string]uint16{"amd64": 62, "arm64": 183}[runtime.GOARCH]
	}
	binary.LittleEndian.PutUint16(b[18:], machine)
	return b
}

// Cache makes an ld.so.cache, in the form of glibc 2.32 and later, from lines
// of "name path".
func Cache(lines string) []byte {
	var entries [][2]string
	for line := range strings.Lines(lines) {
		if name, at, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			entries = append(entries, [2]string{name, at})
		}
	}
	const header, size = 48, 24
	out := make([]byte, header+size*len(entries))
	copy(out, "glibc-ld.so.cache1.1")
	binary.LittleEndian.PutUint32(out[20:], uint32(len(entries)))
	out[28] = 2
	for i, e := range entries {
		at := out[header+i*size:]
		binary.LittleEndian.PutUint32(at, 0x0303)
		binary.LittleEndian.PutUint32(at[4:], uint32(len(out)))
		binary.LittleEndian.PutUint32(at[8:], uint32(len(out)+len(e[0])+1))
		out = append(out, e[0]+"\x00"+e[1]+"\x00"...)
	}
	return out
}
