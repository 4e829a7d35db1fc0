package enginetest_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/engine/enginetest"
)

// defaultEngine is the built engine program.
func defaultEngine(t *testing.T) string {
	t.Helper()
	bin := os.Getenv(engine.BinaryEnv)
	if bin == "" {
		bin = "../../../bin/engine/infernet-llm"
	}
	if _, err := os.Stat(bin); err != nil {
		t.Skipf("the default engine is not built (%v); run make engine to have this test", err)
	}
	return bin
}

// TestDefaultEngine holds infernet-llm to the contract, with the demonstration
// model.
func TestDefaultEngine(t *testing.T) {
	bin := defaultEngine(t)
	dir := t.TempDir()
	model, socket := filepath.Join(dir, "demo.gguf"), filepath.Join(dir, "s")
	if err := os.WriteFile(model, engine.DemoModel(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), bin, "-serve", "unix:"+socket)
	cmd.Env = []string{"HOME=" + dir, "INFERNET_SOCKET=" + socket, "INFERNET_MODEL=" + model, "INFERNET_MODEL_NAME=demo", "INFERNET_PARALLEL=4", "INFERNET_THREADS=1"}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Error("it does not end when it is asked to")
			_ = cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("it said: %.4000s", said.String())
		}
	}()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	for begun := time.Now(); ; <-time.After(20 * time.Millisecond) {
		resp, err := client.Get("http://engine/health")
		if err == nil {
			_ = resp.Body.Close()
		}
		if err == nil && resp.StatusCode == http.StatusOK {
			t.Logf("healthy after %v", time.Since(begun))
			break
		}
		if time.Since(begun) > 3*time.Minute {
			t.Fatalf("not healthy: %v; %s", err, said.String())
		}
	}
	for _, f := range enginetest.Check(t.Context(), client, "http://engine", enginetest.Options{Model: "demo", Parallel: 4, Timeout: 5 * time.Minute, Slack: 20 * time.Second}) {
		// What the demonstration model is too small for, not the engine.
		if !f.OK {
			t.Errorf("%s (%s): %s", f.Name, f.Level, strings.ReplaceAll(f.Detail, "\n", " "))
		}
	}
}
