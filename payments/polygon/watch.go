package polygon

import (
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/store"
)

// maxHints is how many closes not final yet are remembered.
const maxHints = 10_000

// sawOpened keeps what a channel that pays us is: the contract stores only the
// digest of it.
func (r *Rail) sawOpened(tx store.Txn, id common.Hash, t terms) error {
	if t.Payee != r.l.place().Wallet {
		return nil
	}
	return put(tx, seenKey(id), t)
}

// sawClose notices a close in a final block: the next look asks the chain.
func (r *Rail) sawClose(tx store.Txn, id common.Hash) error {
	var c incoming
	known, err := get(tx, inKey(id), &c)
	if err != nil || !known || c.State.ended() {
		return err
	}
	r.hint(id)
	c.Seen = time.Time{}
	return put(tx, inKey(id), c)
}

// hint remembers that a close of the channel was seen. A close that a
// reorganisation took back is as good as one: who meant it will mean it again.
func (r *Rail) hint(id common.Hash) {
	r.mu.Lock()
	if len(r.hints) >= maxHints {
		clear(r.hints)
	}
	r.hints[id] = true
	r.mu.Unlock()
	wake(r.tending)
}

func (r *Rail) hinted(id common.Hash) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hints[id]
}

// wake tells a loop to look, without waiting for it.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
