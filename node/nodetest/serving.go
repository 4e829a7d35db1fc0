package nodetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/engine/echo/handler"
	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/node"
)

// Serving lets a member serve models: each as --serve has it. They are
// answered by the engine without a model (see exec/engine/echo/handler), whose
// @crash ends the task.
func Serving(models ...string) func(*Member) {
	return func(m *Member) {
		m.c.t.Helper()
		m.Config.Provider.Models.Serve = models
		m.Config.Provider.Models.Engine = EngineImage(m.c.t)
		m.Runner.Serve = m.echo
	}
}

// Priced sets what a member takes for a million tokens, read and written.
func Priced(in, out uint64) func(*Member) {
	return func(m *Member) { m.Config.Provider.Models.In, m.Config.Provider.Models.Out = in, out }
}

// With gives a member options of its node.
func With(o ...node.Option) func(*Member) {
	return func(m *Member) { m.Options = append(m.Options, o...) }
}

// echo is the engine of one task.
func (m *Member) echo(t exec.Task) http.Handler {
	c := handler.Config{Exit: func(code int) { m.Runner.Crash(t.ID, code) }}
	for _, v := range t.Env {
		if name, ok := strings.CutPrefix(v, "INFERNET_MODEL_NAME="); ok {
			c.Model = name
		}
	}
	return handler.New(c)
}

// EngineImage writes an OCI layout that says of itself that it is an engine,
// and returns its path. The scripted runner never runs what is in it.
func EngineImage(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "engine")
	if _, err := image.WriteLayout(dir, image.Spec{
		Files:      map[string]image.File{"engine": {Mode: 0o755, Data: []byte("#!")}},
		Entrypoint: []string{"/engine"}, Labels: map[string]string{engine.LabelEngine: "1"},
	}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Do asks the member's local API as a client of another program does: by HTTP
// and with the token. The body, where it is not nil, is sent as JSON. The
// answer ends with ctx.
func (m *Member) Do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	m.c.t.Helper()
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(raw)
	}
	api := m.API()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+api.Addr()+path, sent)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+api.Token())
	req.Header.Set("Content-Type", "application/json")
	return http.DefaultClient.Do(req)
}
