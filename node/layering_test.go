package node_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "infernet.tech/infernet/"

// mayImport tells which top-level folders the packages of each may import,
// beside those of its own.
var mayImport = map[string][]string{
	"cmd":        {"node", "exec", "payments", "reputation", "dht", "gossip", "p2p", "store"},
	"node":       {"exec", "payments", "reputation", "dht", "gossip", "p2p", "store"},
	"dht":        {"p2p", "store"},
	"gossip":     {"p2p", "store"},
	"payments":   {"p2p", "store"},
	"reputation": {"p2p", "store"},
	"exec":       {}, // knows tasks, not who asks for them
	"p2p":        {},
	"store":      {},
}

// onlyImport are packages held tighter than their folder: all that they may
// import of this module.
var onlyImport = map[string][]string{
	"p2p/identity": {},
	"p2p/wire":     {"p2p/identity"},
	"node/job":     {"node/audit", "payments", "p2p/identity", "p2p/wire"},

	"gossip":            {"gossip/negentropy", "p2p", "p2p/identity", "p2p/wire"},
	"gossip/negentropy": {},
	"gossip/model":      {"gossip/negentropy"},
	"node/market":       {"payments", "p2p/identity", "p2p/wire"},
	"node/compare":      {"node/job", "p2p/identity", "p2p/wire"},
	"node/audit":        {},

	"reputation":      {"p2p/identity", "p2p/wire", "reputation/flow", "store"},
	"reputation/flow": {},

	"payments":         {"p2p/identity", "store"},
	"payments/account": {"payments", "p2p/identity", "p2p/wire", "store"},
	"payments/ceiling": {"payments", "store"},
	"payments/credit":  {"payments", "payments/account", "p2p/identity", "store"},

	"node/infer/choose": {},
	"node/infer/meter":  {"exec/engine/openai"},
	"node/infer":        {"node/audit", "node/compare", "node/job", "node/infer/choose", "node/infer/meter", "exec/engine/openai", "dht", "p2p", "p2p/identity", "p2p/wire", "payments", "reputation", "store"},
	"node/serving":      {"exec/engine", "exec/engine/openai", "p2p", "p2p/identity", "p2p/wire", "payments", "reputation", "store"},

	"node/sim/plot": {},
	"node/sim":      {"node/audit", "node/job", "node/market", "node/sim/plot", "p2p/identity", "p2p/wire", "payments", "reputation", "store"},

	"store/blob":       {"store", "store/blob/sha", "store/blob/swarm"},
	"store/blob/sha":   {},
	"store/blob/swarm": {},
	"node/holders":     {"p2p", "p2p/identity", "p2p/wire"},
	"node/delivery":    {"p2p", "p2p/identity", "p2p/wire", "payments", "reputation", "store"},
	"node/mirror":      {"exec", "exec/image", "node/content", "p2p/identity"},

	"payments/polygon":                  {"payments", "payments/account", "payments/ceiling", "payments/polygon/chain", "payments/polygon/contract", "p2p/identity", "p2p/wire", "store"},
	"payments/polygon/chain":            {"p2p/identity", "store"},
	"payments/polygon/contract":         {},
	"payments/polygon/chaintest/tokens": {},
	"payments/polygon/chaintest/evm":    {"payments/polygon/chaintest/tokens", "payments/polygon/contract"},

	"payments/lightning":           {"payments", "payments/account", "payments/ceiling", "payments/lightning/ln", "payments/lightning/ln/bolt11", "p2p/identity", "p2p/wire", "store"},
	"payments/lightning/ln":        {},
	"payments/lightning/ln/bolt11": {"payments/lightning/ln"},
	"payments/lightning/ln/lntest": {"payments/lightning/ln", "payments/lightning/ln/bolt11"},
	"payments/lightning/ln/lnd":    {"payments/lightning/ln", "payments/lightning/ln/bolt11", "payments/lightning/ln/lnd/lnrpc", "payments/lightning/ln/lnd/lnrpc/invoicesrpc", "payments/lightning/ln/lnd/lnrpc/routerrpc"},
	"payments/lightning/ln/nwc":    {"payments/lightning/ln", "payments/lightning/ln/bolt11"},
	"payments/lightning/ln/rig":    {"payments/lightning/ln", "payments/lightning/ln/lnd"},

	// What the engine's own module shares with the node: each by itself.
	"exec/engine/openai": {},
	"exec/engine/gguf":   {},
	"exec/engine/chat":   {},
	"exec/engine/tokens": {"exec/engine/chat", "exec/engine/gguf"},
	"exec/psabi":         {},
	"exec/engine/llm": {
		"exec/engine/chat", "exec/engine/gguf", "exec/engine/openai", "exec/psabi",
		"exec/engine/llm/grammar", "exec/engine/llm/sample",
	},
	"exec/gpu": {"exec"}, // knows cards, not what runs on them
}

// pure packages touch nothing outside the process.
var pure = []string{"reputation/flow", "node/sim/plot", "node/job", "node/market", "node/compare", "node/audit", "node/infer/choose", "node/infer/meter", "store/blob/swarm", "exec/engine/chat", "gossip/negentropy"}

// standard packages import nothing beyond the standard library and this module:
// the engine's own module takes them in.
var standard = []string{"exec/engine/openai", "exec/engine/gguf", "exec/engine/chat", "exec/engine/tokens", "exec/psabi"}

// outside are the standard packages with which one touches the outside.
var outside = []string{"os", "net", "syscall", "log", "database", "plugin", "runtime", "embed", "math/rand", "crypto/rand", "testing", "unsafe"}

// imports lists what the packages of this module import, tests left out, by
// package folder. Modules within the tree are read as a part of it.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	err = filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if name := e.Name(); file != root && (strings.HasPrefix(name, ".") || name == "testdata" || file == filepath.Join(root, "bin")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		out[pkg] = append(out[pkg], []string{}...) // a package that imports nothing is one too
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if !slices.Contains(out[pkg], name) {
				out[pkg] = append(out[pkg], name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func top(pkg string) string { name, _, _ := strings.Cut(pkg, "/"); return name }

func TestLayering(t *testing.T) {
	t.Parallel()
	all := imports(t)
	if len(all) < 20 {
		t.Fatalf("only %d packages were found", len(all))
	}
	for pkg, list := range all {
		for _, imp := range list {
			imp, ours := strings.CutPrefix(imp, module)
			if !ours {
				continue
			}
			allowed, known := mayImport[top(pkg)]
			if !known {
				t.Errorf("%s: packages of this folder have no rule", pkg)
			}
			if top(imp) != top(pkg) && !slices.Contains(allowed, top(imp)) {
				t.Errorf("%s imports %s: a %s may import %v", pkg, imp, top(pkg), allowed)
			}
			if only, tight := onlyImport[pkg]; tight && !slices.Contains(only, imp) {
				t.Errorf("%s imports %s: it may import %v", pkg, imp, only)
			}
		}
	}
	for pkg := range onlyImport {
		if _, ok := all[pkg]; !ok {
			t.Errorf("%s has a rule and is no package", pkg)
		}
	}
}

func TestPurePackages(t *testing.T) {
	t.Parallel()
	all := imports(t)
	for _, pkg := range pure {
		for _, imp := range all[pkg] {
			for _, out := range outside {
				if imp == out || strings.HasPrefix(imp, out+"/") {
					t.Errorf("%s imports %s", pkg, imp)
				}
			}
			if strings.Contains(strings.Split(imp, "/")[0], ".") && !strings.HasPrefix(imp, module) && !strings.HasPrefix(imp, "gopkg.in/yaml") && !strings.HasPrefix(imp, "go.yaml.in/") {
				t.Errorf("%s imports %s of others", pkg, imp)
			}
		}
	}
}

func TestStandardPackages(t *testing.T) {
	t.Parallel()
	all := imports(t)
	for _, pkg := range standard {
		for _, imp := range all[pkg] {
			if strings.Contains(strings.Split(imp, "/")[0], ".") && !strings.HasPrefix(imp, module) {
				t.Errorf("%s imports %s of others", pkg, imp)
			}
		}
	}
}

func TestTopLevelFolders(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if !e.IsDir() || strings.HasPrefix(name, ".") || name == "bin" {
			continue
		}
		if _, ok := mayImport[name]; !ok {
			t.Errorf("folder %s: put it below one of cmd, node, exec, payments, reputation, dht, gossip, p2p, store", name)
		}
	}
}
