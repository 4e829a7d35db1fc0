package account

import (
	"errors"
	"strconv"

	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/store"
)

// hollow reports whether nothing is lost with the account: it keeps no more than
// that notes were refused. Such a one costs a stranger a message.
func (a account) hollow() bool {
	got := a.Got
	return a.Reserved == 0 && a.Covered == 0 && len(a.History) == 0 && got.Total == 0 && got.Secured == 0 &&
		a.Paid.Seq == 0 && a.Paid.Total == 0 && a.Paid.Secured == 0 && a.Paid.Pending == nil
}

// anew reports whether a note can begin a channel of which no note was decided, as
// far as we know: its first, or the first after refused ones that were forgotten.
// Totals are never forgotten.
func anew(n wire.CreditNote) bool { return n.Seq > 0 && n.Cumulative == n.Amount }

var errFound = errors.New("found")

// makeRoom counts one account more, in the place of a hollow one where there are
// as many as may be.
func (r *Rail) makeRoom(tx store.Txn) error {
	n, err := countAccounts(tx)
	if err != nil {
		return err
	}
	if n < r.cfg.Accounts {
		return setCount(tx, n+1)
	}
	var worst identity.PubKey
	err = eachAccount(tx, func(peer identity.PubKey, a account) error {
		if a.hollow() {
			worst = peer
			return errFound
		}
		return nil
	})
	switch {
	case err == nil:
		return ErrFull
	case !errors.Is(err, errFound):
		return err
	}
	return tx.Delete(accountKey(worst))
}

func setCount(tx store.Txn, n int) error { return tx.Set([]byte(countKey), []byte(strconv.Itoa(n))) }
