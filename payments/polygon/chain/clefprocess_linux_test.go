package chain_test

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"infernet.tech/infernet/payments/polygon/chain"
)

// clefBinary is where `make money-tools` or the environment has it.
func clefBinary(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("INFERNET_MONEY_BIN")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "bin", "money")
	}
	path, err := filepath.Abs(filepath.Join(dir, "clef"))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Skipf("no clef in %s; make money-tools builds it", dir)
	}
	return path
}

// person is who sits before Clef and says yes, by its UI protocol on standard
// input and output.
func person(in io.Writer, out io.Reader, up chan<- struct{}) {
	dec := json.NewDecoder(out)
	for {
		var m struct {
			ID     json.RawMessage   `json:"id"`
			Method string            `json:"method"`
			Params []json.RawMessage `json:"params"`
		}
		if dec.Decode(&m) != nil {
			return
		}
		var answer any
		switch m.Method {
		case "ui_onSignerStartup":
			close(up)
			continue
		case "ui_approveTx":
			var p struct {
				Transaction json.RawMessage `json:"transaction"`
			}
			json.Unmarshal(m.Params[0], &p)
			answer = map[string]any{"approved": true, "transaction": p.Transaction}
		case "ui_approveSignData":
			answer = map[string]any{"approved": true}
		case "ui_onInputRequired":
			answer = map[string]any{"text": "open sesame"}
		default:
			if m.ID == nil {
				continue
			}
			answer = map[string]any{"approved": false}
		}
		json.NewEncoder(in).Encode(map[string]any{"jsonrpc": "2.0", "id": m.ID, "result": answer})
	}
}

// The real Clef signs both kinds over its socket, and sends through a Sender.
func TestClefProcess(t *testing.T) {
	t.Parallel()
	bin := clefBinary(t)
	dir := t.TempDir()
	k := signer(t, 0)
	if err := os.Mkdir(filepath.Join(dir, "keystore"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := keystoreText(t, secret(0), "open sesame")
	if err := os.WriteFile(filepath.Join(dir, "keystore", "UTC--key"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "--suppress-bootwarn", "--stdio-ui", "--nousb", "--pcscdpath", "", "--lightkdf", "--chainid", "1337", "--advanced",
		"--keystore", filepath.Join(dir, "keystore"), "--configdir", dir, "--ipcpath", dir, "--auditlog", "", "--4bytedb-custom", filepath.Join(dir, "4byte.json"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	up, ended := make(chan struct{}), make(chan struct{})
	go func() { person(in, out, up); close(ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended; cmd.Wait() })
	select {
	case <-up:
	case <-ended:
		text, _ := os.ReadFile(log.Name())
		t.Fatalf("clef ended: %s", text)
	case <-t.Context().Done():
		return
	}
	c, err := chain.DialClef(t.Context(), filepath.Join(dir, "clef.ipc"), k.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	signsAs(t, c, k.Address())

	b := newBench(t)
	b.signer = c
	b.start()
	b.send(call("chain/nodded", 1))
	b.step()
	b.mine(1)
	b.mine(2)
	b.is("chain/nodded", chain.Final)
	if n := b.sim.count(); n != 1 {
		t.Error(n)
	}
}
