package api

import (
	"errors"
	"testing"
)

func TestAddFromSource(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &backend{})
	var seen []AddProgress
	got, err := c.Add(t.Context(), Models, AddRequest{Source: "hf:o/r/slow", Name: "x", Progress: func(p AddProgress) { seen = append(seen, p) }})
	if err != nil || got.CID != "downloaded" || got.Name != "x" || len(seen) != 2 || seen[0].Bytes != 1 || seen[1].Bytes != 2 {
		t.Errorf("%+v, %v after %v", got, err, seen)
	}
	// A failure is told the same way before the first step and after it.
	for _, source := range []string{"hf:o/r/none", "hf:o/r/cut"} {
		var e *Error
		if _, err := c.Add(t.Context(), Models, AddRequest{Source: source}); !errors.As(err, &e) || e.Code != CodeRefused || e.Hint != "take another" {
			t.Errorf("%s: %v", source, err)
		}
	}
	for name, req := range map[string]struct {
		kind ContentKind
		req  AddRequest
	}{
		"data":       {Data, AddRequest{Source: "hf:o/r/slow"}},
		"and a path": {Models, AddRequest{Source: "hf:o/r/slow", Path: "/x"}},
		"no path":    {Models, AddRequest{Path: "x"}},
	} {
		var e *Error
		if _, err := c.Add(t.Context(), req.kind, req.req); !errors.As(err, &e) || e.Code != CodeBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNamesOfModels(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &backend{})
	if x, err := c.Show(t.Context(), "a/b c&d", true); err != nil || x.CID != "a/b c&d" || x.Model.TemplateText != "jinja" {
		t.Errorf("show: %+v, %v", x, err)
	}
	if x, err := c.Show(t.Context(), "demo", false); err != nil || x.Model != nil {
		t.Errorf("show: %+v, %v", x, err)
	}
	if _, err := c.Show(t.Context(), "", false); err == nil {
		t.Error("nothing is shown")
	}
	if x, err := c.Alias(t.Context(), Models, "new", "demo"); err != nil || x.Name != "new" || x.CID != "demo" || x.Path != "models" {
		t.Errorf("alias: %+v, %v", x, err)
	}
	if x, err := c.Remove(t.Context(), Images, "new"); err != nil || x.Name != "new" || x.Path != "images" {
		t.Errorf("rm: %+v, %v", x, err)
	}
	if x, err := c.Alias(t.Context(), Data, "new", "demo"); err != nil || x.Path != "data" {
		t.Errorf("alias of data: %+v, %v", x, err)
	}
}
