package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/polygon"
	"infernet.tech/infernet/store"
)

// books is where the rail of this wallet keeps its books, before all else in the
// node's database. Each network and contract has its own: what was owed on a test
// network is never paid with money, nor trusted for it.
func (w polygonWallet) books() string {
	return fmt.Sprintf("polygon/rail/%s/%x/", w.Network, common.HexToAddress(w.Contract))
}

// keyHolds refuses an account that cannot get at the money which another one has
// in channels of the same books: they would be closed and redeemed by nobody.
func keyHolds(books store.Store, account common.Address) error {
	held, err := polygon.Held(books)
	if err != nil {
		return err
	}
	held = slices.DeleteFunc(held, func(c polygon.Channel) bool { return c.Wallet == account })
	if len(held) == 0 {
		return nil
	}
	return api.Errorf(api.CodeConflict,
		"use the key of "+held[0].Wallet.Hex()+" until they are closed: infernet wallet close "+held[0].ID.Hex(),
		"this key is of account %s, and %s of %s would be left alone with their money: %s",
		account, channelCount(held), held[0].Wallet, channelNames(held))
}

// leaves refuses to go over to another network or contract while channels of the
// wallet that is connected would be left alone.
func (n *Node) leaves(old, now walletConf) error {
	from, ok := old.(polygonWallet)
	to, also := now.(polygonWallet)
	if !ok || !also || from.books() == to.books() {
		return nil
	}
	held, err := polygon.Held(store.Prefix(n.db, from.books()))
	if err != nil || len(held) == 0 {
		return err
	}
	return api.Errorf(api.CodeConflict, "close them first with the wallet that is connected: infernet wallet close "+held[0].ID.Hex(),
		"%s on network %s, contract %s, would be left alone with their money: %s",
		channelCount(held), from.Network, from.Contract, channelNames(held))
}

// fewNames is how many channels are named where there may be many.
const fewNames = 8

func channelCount(list []polygon.Channel) string {
	if len(list) == 1 {
		return "1 channel"
	}
	return fmt.Sprintf("%d channels", len(list))
}

func channelNames(list []polygon.Channel) string {
	var names []string
	for _, c := range list[:min(len(list), fewNames)] {
		names = append(names, fmt.Sprintf("%s (%s, %s)", c.ID, c.Direction, c.State))
	}
	if len(list) > fewNames {
		names = append(names, "and more")
	}
	return strings.Join(names, ", ")
}

// riskNote says what was promised to this node and not fetched yet, until when
// that is safe, and what was lost.
func riskNote(a polygon.AtRisk) string {
	usdc := func(n uint64) string { return payments.Amount{Value: n, Unit: payments.MicroUSDC}.Human() }
	var notes []string
	if a.Due > 0 {
		notes = append(notes, fmt.Sprintf("%s promised by vouchers is not redeemed yet; it is safe until %s should this node stand still from now on",
			usdc(a.Due), a.Until.Local().Format(time.DateTime)))
	}
	if a.Lost > 0 {
		notes = append(notes, fmt.Sprintf("%s was lost: %d channels ended before their last voucher was redeemed (infernet payments reconcile names them)",
			usdc(a.Lost), len(a.Ended)))
	}
	return strings.Join(notes, "; ")
}
