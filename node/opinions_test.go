package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"infernet.tech/infernet/node"
	"infernet.tech/infernet/node/nodetest"
)

// TestOpinionsSpread: what a client learned of its providers is known to a node
// that had nothing to do with them.
func TestOpinionsSpread(t *testing.T) {
	t.Parallel()
	c := nodetest.New(t)
	for i := range 2 {
		c.Add(fmt.Sprintf("provider%d", i), node.RoleProvider)
	}
	client := c.Add("client", node.RoleClient, nodetest.With(node.WithOpinions(time.Second)))
	other := c.Add("other", node.RoleClient)
	dir, name := nodetest.Lines(t, 20)
	if j := client.Run(fmt.Sprintf(spec, "upper", nodetest.Image(t), name), dir); j.State != "done" {
		t.Fatalf("job is %s: %s %s", j.State, j.Reason, j.Hint)
	}
	nodetest.NoError(t, 20*time.Second, func() error {
		s, err := other.API().Status(t.Context())
		if err != nil {
			return err
		}
		for _, x := range s.Subsystems {
			if x.Name == "gossip" && strings.Contains(x.Detail, "1 documents known") {
				return nil
			}
		}
		return fmt.Errorf("%+v", s.Subsystems)
	})
}
