package blob

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what Kubo says into testdata")

// kubo is a real ipfs with a repository of its own, never on the network.
type kubo struct {
	bin, repo string
}

// findKubo skips the test unless INFERNET_KUBO names an ipfs binary.
func findKubo(t *testing.T) *kubo {
	t.Helper()
	k := &kubo{bin: os.Getenv("INFERNET_KUBO"), repo: t.TempDir()}
	if k.bin == "" {
		t.Skip("set INFERNET_KUBO to an ipfs binary")
	}
	k.run(t, nil, "init", "--profile", "unixfs-v1-2025")
	return k
}

func (k *kubo) run(t *testing.T, stdin io.Reader, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), k.bin, append([]string{"--offline"}, args...)...)
	cmd.Env = append(os.Environ(), "IPFS_PATH="+k.repo)
	cmd.Stdin = stdin
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		t.Fatalf("ipfs %s: %v: %s", strings.Join(args, " "), err, complaint.String())
	}
	return out.Bytes()
}

// kuboAdd is what makes the profile; --name=value of the caller go before.
var kuboAdd = []string{"--cid-version=1", "--raw-leaves=true", "--chunker=size-1048576", "--max-file-links=1024"}

func (k *kubo) add(t *testing.T, r io.Reader, path string, options ...string) string {
	t.Helper()
	args := append([]string{"add", "-Q", "--hidden"}, options...)
	for _, o := range kuboAdd {
		name, _, _ := strings.Cut(o, "=")
		if !slices.ContainsFunc(options, func(x string) bool { return strings.HasPrefix(x, name+"=") }) {
			args = append(args, o)
		}
	}
	if path != "" {
		args = append(args, "-r", path)
	}
	return strings.TrimSpace(string(k.run(t, r, args...)))
}

// TestKubo compares every golden vector with what Kubo says.
func TestKubo(t *testing.T) {
	k := findKubo(t)
	said := map[string]string{}
	for _, f := range goldenFiles {
		said["file "+f.name] = k.add(t, goldenFile(f.size, f.zeros), "", "--only-hash")
	}
	for name, files := range goldenFolders {
		said["folder "+name] = k.add(t, nil, writeTree(t, files()))
	}
	for name, c := range goldenCARs {
		root := k.add(t, nil, writeTree(t, goldenCAR()), c.args...)
		said["car "+name] = root
		if *update {
			data := k.run(t, nil, "dag", "export", "--progress=false", root)
			if err := os.WriteFile(filepath.Join("testdata", name+".car"), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if *update {
		raw, err := json.MarshalIndent(said, "", "\t")
		if err == nil {
			err = os.WriteFile(filepath.Join("testdata", "kubo.json"), append(raw, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range golden(t) {
		if said[name] != want {
			t.Errorf("%s: golden is %s, Kubo says %s", name, want, said[name])
		}
	}
}

// TestKuboTakesOurs lets Kubo import our CARs and read what is in them.
func TestKuboTakesOurs(t *testing.T) {
	k := findKubo(t)
	s, contents := carContents(t)
	for name, c := range contents {
		path := filepath.Join(t.TempDir(), "x.car")
		if err := os.WriteFile(path, exportCAR(t, s, c), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := string(k.run(t, nil, "dag", "import", path)); !strings.Contains(out, "Pinned root\t"+c+"\tsuccess") {
			t.Errorf("%s: %s", name, out)
		}
		if i, _ := s.Stat(c); i.Dir {
			continue
		}
		sameFile(t, s, c, bytes.NewReader(k.run(t, nil, "cat", c)))
	}
	dest := filepath.Join(t.TempDir(), "out")
	k.run(t, nil, "get", contents["folder"], "-o", dest)
	if again, err := s.AddTree(t.Context(), dest); err != nil || again.CID != contents["folder"] {
		t.Errorf("what Kubo got: %s, %v", again.CID, err)
	}
	if names := k.run(t, nil, "ls", contents["shards"]); bytes.Count(names, []byte{'\n'}) != 2600 {
		t.Errorf("%d names in the sharded folder", bytes.Count(names, []byte{'\n'}))
	}
}

// TestKuboGives takes in what Kubo exports, larger than the golden CARs.
func TestKuboGives(t *testing.T) {
	k := findKubo(t)
	for name, root := range map[string]string{
		"folder":       k.add(t, nil, someTree(t)),
		"sharded":      k.add(t, nil, writeTree(t, manyFiles(3000, 60))),
		"file":         k.add(t, noise(6, 30<<20+1), ""),
		"small chunks": k.add(t, noise(6, 30<<20+1), "", "--chunker=size-262144", "--max-file-links=174"),
		"trickle":      k.add(t, noise(6, 3<<20), "", "--trickle=true", "--chunker=size-4096", "--max-file-links=20"),
		"rabin":        k.add(t, noise(6, 10<<20+1), "", "--chunker=rabin"),
	} {
		data := k.run(t, nil, "dag", "export", "--progress=false", root)
		s := newStore(t)
		got, err := importCAR(t, s, data, Limits{})
		if err != nil || len(got) != 1 || got[0].CID != root {
			t.Errorf("%s: %v, %v", name, got, err)
			continue
		}
		if again := exportCAR(t, s, root); !bytes.Equal(again, data) {
			t.Errorf("%s: exported again it differs", name)
		}
	}
}
