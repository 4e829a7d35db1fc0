package node

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

func TestOperatorsBinding(t *testing.T) {
	t.Parallel()
	operator, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	self, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	ev, err := wire.Seal(operator, wire.OperatorBinding{Nodes: []identity.PubKey{self.PubKey()}, Expires: now.Add(time.Hour).Unix()}, now)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "operator.json")
	pretty, err := json.MarshalIndent(json.RawMessage(ev.Bytes()), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(pretty, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	raw, err := readBinding(path, self.PubKey(), now)
	if err != nil || strings.Contains(raw, "\n") {
		t.Fatalf("%q, %v", raw, err)
	}
	if _, err := readBinding(path, operator.PubKey(), now); err == nil {
		t.Error("another's binding was taken")
	}
	if _, err := readBinding(path, self.PubKey(), now.Add(2*time.Hour)); err == nil {
		t.Error("a binding was taken after its end")
	}
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readBinding(path, self.PubKey(), now); err == nil {
		t.Error("nothing was taken for a binding")
	}
}
