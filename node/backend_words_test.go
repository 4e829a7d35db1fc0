package node

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/store/blob"
)

// Every sentinel of the store has words for the person who meets it.
func TestEveryStoreErrorHasWords(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "store", "blob", "errors.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile("backend_words.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(at ast.Node) bool {
		v, ok := at.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, name := range v.Names {
			n++
			if !strings.Contains(string(src), "{blob."+name.Name+", ") {
				t.Errorf("blob.%s has no words", name)
			}
		}
		return false
	})
	if n < 15 {
		t.Errorf("only %d sentinels found", n)
	}
}

func TestStoreWords(t *testing.T) {
	t.Parallel()
	from := func(err error) error {
		return fmt.Errorf("%w: bafy: %w", blob.ErrNoSource, &blob.SourceError{Source: "npub1x", Err: err})
	}
	for name, tc := range map[string]struct {
		err  error
		code api.Code
		hint string
	}{
		"unshared":      {from(blob.ErrRefused), api.CodeRefused, "infernet data share"},
		"a liar":        {from(blob.ErrBadBlock), api.CodeNoContent, "another node"},
		"cut":           {from(blob.ErrCut), api.CodeNoContent, "goes on where it was"},
		"nobody":        {blob.ErrNoSource, api.CodeNoContent, "--from"},
		"dear":          {fmt.Errorf("%w: %w", blob.ErrNoSource, content.ErrPrice), api.CodeRefused, "--max-price"},
		"untold":        {fmt.Errorf("%w: npub1x/app", content.ErrUntold), api.CodeNotFound, "infernet status"},
		"quota":         {fmt.Errorf("add: %w", blob.ErrQuota), api.CodeQuotaFull, "--quota"},
		"disk":          {blob.ErrNoSpace, api.CodeDiskFull, "gc"},
		"other profile": {blob.ErrProfile, api.CodeBadRequest, "--raw-leaves"},
		"bad content":   {blob.ErrDAG, api.CodeRefused, "author"},
		"no CAR":        {blob.ErrCAR, api.CodeBadRequest, "leave --car out"},
		"wrong CID":     {blob.ErrCID, api.CodeNotFound, "data list"},
		"changed":       {blob.ErrChanged, api.CodeConflict, "put the file back"},
		"no image":      {fmt.Errorf("%w: no index", exec.ErrImage), api.CodeBadRequest, "docker save"},
		"exists":        {os.ErrExist, api.CodeConflict, "overwritten"},
		"not allowed":   {os.ErrPermission, api.CodeNoRights, "path"},
	} {
		e := storeError(tc.err)
		if e == nil || e.Code != tc.code || !strings.Contains(e.Hint, tc.hint) {
			t.Errorf("%s: %+v", name, e)
			continue
		}
		if strings.Contains(e.Message, "blob: ") || strings.Contains(e.Message, "content: content") || e.Message == "" {
			t.Errorf("%s: %q", name, e.Message)
		}
	}
	if got, want := plainWords(from(blob.ErrRefused)), "no source has the content: bafy: source npub1x: peer refuses to serve this"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if e := storeError(errors.New("something else")); e != nil {
		t.Errorf("%+v", e)
	}
}
