package p2p

import (
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"
)

// The protocols of the network, one stream protocol each. What a stream
// carries is told by the package that serves it.
const (
	ProtoOffer protocol.ID = "/infernet/offer/1" // a provider's signed offer
	ProtoQuote protocol.ID = "/infernet/quote/1" // one job offer, one quote
	ProtoJob   protocol.ID = "/infernet/job/1"   // control of a job
	ProtoLog   protocol.ID = "/infernet/log/1"   // live output of a task
	ProtoBlob  protocol.ID = "/infernet/blob/1"  // bulk bytes by CID
	ProtoHave  protocol.ID = "/infernet/have/1"  // who holds what: many CIDs, digests and names at once
	ProtoPay   protocol.ID = "/infernet/pay/1"   // credit notes
	ProtoHTTP  protocol.ID = "/infernet/http/1"  // HTTP/1.1, kept alive: requests to models
	ProtoSync  protocol.ID = "/infernet/sync/1"  // what two peers know of others, made equal
)

// StreamLimits bound what strangers may open of one protocol. The zero value of
// a field takes the value from DefaultStreamLimits.
type StreamLimits struct {
	// Total is how many inbound streams may be open at a time.
	Total int
	// PerPeer is how many of them one peer may hold.
	PerPeer int
	// Idle resets a stream on which a read or a write makes no progress for so
	// long. It holds for streams that Open returns too, as Stream.SetIdle tells.
	Idle time.Duration
	// Yield lets the oldest stream of the peer that holds the most give way, when
	// all are taken, to one of a peer that holds fewer. It is for protocols whose
	// peers go on elsewhere, or later, where they were.
	Yield bool
	// Life resets an inbound stream when it has been open for so long, whatever
	// it does.
	Life time.Duration
}

// HTTPStreamLimits suit ProtoHTTP: streams are pooled and rest for long between
// requests. Idle bounds only writes here: see Conn.
func HTTPStreamLimits() StreamLimits {
	return StreamLimits{Total: 1024, PerPeer: 128, Idle: 30 * time.Second, Life: 24 * time.Hour}
}

// HaveStreamLimits suit ProtoHave: one short question, one short answer.
func HaveStreamLimits() StreamLimits {
	return StreamLimits{Total: 256, PerPeer: 8, Idle: 10 * time.Second, Life: 20 * time.Second, Yield: true}
}

// SyncStreamLimits suit ProtoSync: a few turns of bounded size, and no second
// one with the same peer meanwhile.
func SyncStreamLimits() StreamLimits {
	return StreamLimits{Total: 16, PerPeer: 2, Idle: 20 * time.Second, Life: 2 * time.Minute, Yield: true}
}

// DefaultStreamLimits suit a protocol of one question and one answer.
func DefaultStreamLimits() StreamLimits {
	return StreamLimits{Total: 128, PerPeer: 8, Idle: 30 * time.Second, Life: 5 * time.Minute}
}

func (l StreamLimits) orDefault() StreamLimits {
	d := DefaultStreamLimits()
	if l.Total <= 0 {
		l.Total = d.Total
	}
	if l.PerPeer <= 0 {
		l.PerPeer = min(d.PerPeer, l.Total)
	}
	if l.Idle <= 0 {
		l.Idle = d.Idle
	}
	if l.Life <= 0 {
		l.Life = d.Life
	}
	return l
}
