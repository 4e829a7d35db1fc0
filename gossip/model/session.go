package model

import (
	"crypto/sha256"
	"encoding/binary"

	"infernet.tech/infernet/gossip/negentropy"
)

// Of sync sessions, as package gossip has them.
const (
	maxFrame   = 64 << 10
	maxSession = 2 << 20
	inARow     = 16
	frameHead  = 3
	turnEnd    = 4
	roomFor    = 1 << 10
	room       = maxSession / roomFor
)

// question is what comparing two sets costs, and how many of the documents that
// the asker lacks it found before it stopped.
type question struct{ rounds, bytes, found int }

// compare runs the reconciliation of two sets that have so many items in common.
// Each has as many new ones as the other gives it, in place of old ones. The
// newest come first; it stops when the asker knows of enough that it lacks.
func compare(common, have, need, enough int) question {
	var a, b []negentropy.Item
	for i := range have { // new here; what they replace is old there
		a = append(a, item(1<<40+i, i))
		b = append(b, item(1<<41+i, common+have+need+i))
	}
	for i := range need {
		b = append(b, item(1<<42+i, i))
		a = append(a, item(1<<43+i, common+have+need+i))
	}
	for i := range common {
		it := item(i, have+need+i)
		a, b = append(a, it), append(b, it)
	}
	va, vb := negentropy.NewVector(a), negentropy.NewVector(b)
	var q question
	for msg := va.Start(); msg != nil && q.found < enough; q.rounds++ {
		answer, err := vb.Answer(msg, maxFrame-frameHead)
		if err != nil {
			return q // two vectors of this package understand each other
		}
		q.bytes += len(msg) + len(answer) + 2*(frameHead+turnEnd)
		next, d, err := va.Next(answer, maxFrame-frameHead)
		if err != nil {
			return q
		}
		msg, q.found = next, q.found+len(d.Need)
	}
	return q
}

// item has an id by its number; dates follow the order, some seconds apart.
func item(id, order int) negentropy.Item {
	return negentropy.Item{
		At: 1_700_000_000 + int64(order)*8,
		ID: sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(id))),
	}
}

// transfer is the bytes of asking for documents, offering others, and of those
// that travel.
func transfer(asked, offered, docs, size int) int {
	if asked+offered == 0 {
		return 0
	}
	return 32*asked + 24*offered + offered/8 + docs*(frameHead+size) + 4*turnEnd + 4*frameHead
}
