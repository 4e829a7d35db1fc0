package exectest_test

import (
	"strings"
	"testing"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	img := exec.Image{Digest: "sha256:" + strings.Repeat("0", 64)}
	exectest.Conformance(t, &exectest.Runner{}, img, func(testing.TB) exec.Runner { return &exectest.Runner{} })
}
