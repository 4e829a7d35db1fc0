package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// maxBindingFile bounds what is read of the file of a binding.
const maxBindingFile = 16 << 10

// binding is the document that says whose this node is, as its offers carry it;
// "" where nobody says so. One that does not hold is told of and left out: an
// offer with it would be refused.
func (n *Node) binding() string {
	raw, err := readBinding(OperatorPath(n.cfg.Home), n.key.PubKey(), time.Now())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		n.log.Warn("operator's binding left out; infernet operator bind makes another", "err", err)
	}
	return raw
}

func readBinding(path string, self identity.PubKey, now time.Time) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxBindingFile))
	if err != nil {
		return "", err
	}
	var flat bytes.Buffer
	if err := json.Compact(&flat, raw); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	b, _, err := wire.ParseBinding(flat.String())
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", path, err)
	case !slices.Contains(b.Nodes, self):
		return "", fmt.Errorf("%s: it names %d nodes and not this one", path, len(b.Nodes))
	case now.Unix() > b.Expires:
		return "", fmt.Errorf("%s: it ended on %s", path, time.Unix(b.Expires, 0).UTC().Format(time.DateOnly))
	}
	return flat.String(), nil
}
