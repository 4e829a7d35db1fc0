package lnd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc/invoicesrpc"
	"infernet.tech/infernet/payments/lightning/ln/lnd/lnrpc/routerrpc"
)

// Rights are what a macaroon allows: "entity:action", or a method after "uri:".
type Rights struct {
	Allowed []string // sorted
	Caveats []string // conditions that lnd checks: a time, an address
}

// methods are the calls of each ability and the rights that lnd asks for.
var methods = []struct {
	of     ln.Ability
	method string
	rights []string
}{
	{0, lnrpc.Lightning_GetInfo_FullMethodName, []string{"info:read"}},
	{ln.CanReceive, lnrpc.Lightning_AddInvoice_FullMethodName, []string{"invoices:write"}},
	{ln.CanReceive, invoicesrpc.Invoices_LookupInvoiceV2_FullMethodName, []string{"invoices:write"}},
	{ln.CanReceive, invoicesrpc.Invoices_SubscribeSingleInvoice_FullMethodName, []string{"invoices:read"}},
	{ln.CanHold, invoicesrpc.Invoices_AddHoldInvoice_FullMethodName, []string{"invoices:write"}},
	{ln.CanHold, invoicesrpc.Invoices_SettleInvoice_FullMethodName, []string{"invoices:write"}},
	{ln.CanHold, invoicesrpc.Invoices_CancelInvoice_FullMethodName, []string{"invoices:write"}},
	{ln.CanPay, routerrpc.Router_SendPaymentV2_FullMethodName, []string{"offchain:write"}},
	{ln.CanPay, routerrpc.Router_TrackPaymentV2_FullMethodName, []string{"offchain:read"}},
	{ln.CanBalance, lnrpc.Lightning_ChannelBalance_FullMethodName, []string{"offchain:read"}},
	{ln.CanBalance, lnrpc.Lightning_WalletBalance_FullMethodName, []string{"onchain:read"}},
	{ln.CanChannels, lnrpc.Lightning_ListChannels_FullMethodName, []string{"offchain:read"}},
	{ln.CanChannels, lnrpc.Lightning_PendingChannels_FullMethodName, []string{"offchain:read"}},
	{ln.CanOpen, lnrpc.Lightning_ConnectPeer_FullMethodName, []string{"peers:write"}},
	{ln.CanOpen, lnrpc.Lightning_OpenChannelSync_FullMethodName, []string{"onchain:write", "offchain:write"}},
	{ln.CanOpen, lnrpc.Lightning_CloseChannel_FullMethodName, []string{"onchain:write", "offchain:write"}},
	{ln.CanOpen, lnrpc.Lightning_NewAddress_FullMethodName, []string{"address:write"}},
}

var abilities = []ln.Ability{ln.CanReceive, ln.CanHold, ln.CanPay, ln.CanBalance, ln.CanChannels, ln.CanOpen}

// BakeCommand is the command that makes a macaroon for want and nothing else,
// to be given on the machine of lnd.
func BakeCommand(want ln.Ability, file string) string {
	words := []string{"lncli", "bakemacaroon", "--save_to", file}
	for _, m := range methods {
		if want.Has(m.of) {
			words = append(words, "uri:"+m.method)
		}
	}
	return strings.Join(words, " ")
}

// Can says what of ln.Node the rights are enough for.
func (r Rights) Can() (can ln.Ability) {
	for _, a := range abilities {
		if len(r.Missing(a)) == 0 {
			can |= a
		}
	}
	return can
}

// Missing are the rights that want needs and that are not there.
func (r Rights) Missing(want ln.Ability) (missing []string) {
	for _, m := range methods {
		if !want.Has(m.of) || slices.Contains(r.Allowed, "uri:"+m.method) {
			continue
		}
		for _, right := range m.rights {
			if !slices.Contains(r.Allowed, right) && !slices.Contains(missing, right) {
				missing = append(missing, right)
			}
		}
	}
	return missing
}

// Excess are the rights that want does not need: who steals the macaroon has
// those, too.
func (r Rights) Excess(want ln.Ability) (excess []string) {
	need := map[string]bool{}
	for _, m := range methods {
		if want.Has(m.of) {
			need["uri:"+m.method] = true
			for _, right := range m.rights {
				need[right] = true
			}
		}
	}
	for _, right := range r.Allowed {
		if !need[right] {
			excess = append(excess, right)
		}
	}
	return excess
}

// Admin reports whether the bearer can give himself any right there is.
func (r Rights) Admin() bool {
	return slices.Contains(r.Allowed, "macaroon:generate") ||
		slices.Contains(r.Allowed, "uri:"+lnrpc.Lightning_BakeMacaroon_FullMethodName)
}

var errMacaroon = fmt.Errorf("%w: this is no macaroon of lnd; want a file such as admin.macaroon, or better one baked for this node", ln.ErrDenied)

// The fields of a macaroon in its binary form, version 2.
const (
	macaroonV2       = 2
	fieldEnd         = 0
	fieldIdentifier  = 2
	identifierBakery = 3 // the version byte before what lnd's bakery writes
)

// ReadRights reads what a macaroon allows. It cannot tell whether the node that
// it is shown to has made it.
func ReadRights(macaroon []byte) (Rights, error) {
	if len(macaroon) == 0 || macaroon[0] != macaroonV2 {
		return Rights{}, errMacaroon
	}
	var r Rights
	rest := macaroon[1:]
	identified := false
	for section := 0; ; section++ {
		var id []byte
		fields := 0
		for {
			kind, value, after, err := macaroonField(rest)
			if err != nil {
				return Rights{}, errMacaroon
			}
			rest = after
			if kind == fieldEnd {
				break
			}
			fields++
			if kind == fieldIdentifier {
				id = value
			}
		}
		switch {
		case section == 0:
			if r.Allowed, identified = operations(id); !identified {
				return Rights{}, errMacaroon
			}
		case fields == 0: // the signature follows
			return r, nil
		default:
			r.Caveats = append(r.Caveats, fmt.Sprintf("%.80q", id))
		}
	}
}

// macaroonField reads a type, and for all but the end a length and so many
// bytes.
func macaroonField(b []byte) (kind uint64, value, rest []byte, err error) {
	kind, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, nil, errors.New("no type")
	}
	b = b[n:]
	if kind == fieldEnd {
		return kind, nil, b, nil
	}
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return 0, nil, nil, errors.New("no value")
	}
	return kind, b[n : n+int(size)], b[n+int(size):], nil
}

// operations reads the rights from an identifier: a protobuf message whose field
// 3 repeats an entity (1) with its actions (2).
func operations(id []byte) (rights []string, ok bool) {
	if len(id) == 0 || id[0] != identifierBakery {
		return nil, false
	}
	ok = eachBytes(id[1:], func(field protowire.Number, op []byte) {
		if field != 3 {
			return
		}
		var entity string
		var actions []string
		ok := eachBytes(op, func(field protowire.Number, value []byte) {
			switch field {
			case 1:
				entity = string(value)
			case 2:
				actions = append(actions, string(value))
			}
		})
		for _, a := range actions {
			if ok {
				rights = append(rights, entity+":"+a)
			}
		}
	})
	slices.Sort(rights)
	return rights, ok && len(rights) > 0
}

// eachBytes visits the length-delimited fields of a protobuf message.
func eachBytes(b []byte, visit func(protowire.Number, []byte)) bool {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return false
		}
		b = b[n:]
		if kind == protowire.BytesType {
			value, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return false
			}
			visit(field, value)
			b = b[n:]
			continue
		}
		if n = protowire.ConsumeFieldValue(field, kind, b); n < 0 {
			return false
		}
		b = b[n:]
	}
	return true
}
