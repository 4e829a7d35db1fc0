package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"infernet.tech/infernet/store"
)

var errCrash = errors.New("the process was killed")

// crashing is a store of a process that dies at a chosen write: before it, or
// after it reached the disk but before anyone heard so.
type crashing struct {
	store.Store
	mu    sync.Mutex
	left  int // writes until death; below zero it does not come
	after bool
	dead  bool
}

func (c *crashing) View(fn func(store.Reader) error) error {
	if c.gone() {
		return errCrash
	}
	return c.Store.View(fn)
}

func (c *crashing) Update(fn func(store.Txn) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.dead:
		return errCrash
	case c.left != 0:
		c.left--
		return c.Store.Update(fn)
	}
	c.dead = true
	if c.after {
		if err := c.Store.Update(fn); err != nil {
			return err
		}
	}
	return errCrash
}

func (c *crashing) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// arm lets the process die after so many more writes.
func (c *crashing) arm(writes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = writes
}

// kill is the death of the process at any other time.
func (c *crashing) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
}

// TestCrashes kills either side at every one of its writes, before and after
// they reach the disk, restarts it and goes on. In the end what the buyer knows
// to have come is paid, once, and the books of both agree.
func TestCrashes(t *testing.T) {
	for _, side := range []string{"seller", "buyer"} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after %v", side, after), func(t *testing.T) {
				t.Parallel()
				crashed, write, step := true, 0, 1
				if raceOn {
					step = 7
				}
				for ; crashed && write < 400; write += step {
					synctest.Test(t, func(t *testing.T) { crashed = crashAt(t, side == "seller", write, after) })
				}
				if crashed || write < 10 {
					t.Errorf("the scenario came to its end without a crash after %d writes", write)
				}
			})
		}
	}
}

func crashAt(t *testing.T, seller bool, write int, after bool) (crashed bool) {
	t.Helper()
	n := newNetwork(t)
	one, two := n.join(small(1000)), n.join(small(0))
	victim := two
	if seller {
		victim = one
	}
	dying := &crashing{Store: victim.disk, left: write, after: after}
	victim.start(dying)
	one.run()
	two.run()
	for range 6 {
		carry(two, one, 5*mib/2)
		<-time.After(2 * time.Second)
		if dying.gone() && !crashed {
			crashed = true
			victim.start(victim.disk)
			victim.run()
		}
	}
	rest(t, two, one)
	if dying.gone() && !crashed {
		crashed = true
		victim.start(victim.disk)
		victim.run()
		rest(t, two, one)
	}
	if n := checkBooks(t, fmt.Sprintf("write %d", write), two, one); n > 0 {
		t.Errorf("write %d: %d receipts are one-sided", write, n)
	}
	return crashed
}

// rest waits until all that the buyer owes is paid, as long as it retries.
func rest(t *testing.T, buyer, seller *party) {
	<-time.After(10 * time.Second)
	for range 20 {
		s, _ := buyer.now()
		if list, err := s.Traffic(); err != nil || traffic(t, buyer, seller).Owed == 0 && len(list) > 0 {
			break
		}
		<-time.After(time.Minute)
	}
	<-time.After(10 * time.Second)
}

// carry moves bytes as far as that goes.
func carry(to, from *party, n int) {
	x, err := begin(to, from, 1000, false)
	if err != nil {
		return
	}
	defer x.end()
	x.send(n, mib)
	if err := x.take(n); err == nil {
		<-x.werr
		_ = x.got.Close()
	}
}

// checkBooks wants all that the buyer knows of paid, and both books to agree: on
// money, on bytes, on receipts. It returns how many receipts are one-sided: the
// seller was away when they were to be signed.
func checkBooks(t *testing.T, name string, buyer, seller *party) (alone int) {
	t.Helper()
	paid, _ := balance(t, buyer, seller)
	_, got := balance(t, seller, buyer)
	mine, theirs := traffic(t, buyer, seller), traffic(t, seller, buyer)
	if paid != got || mine.Paid != paid || theirs.Earned != got || mine.Owed != 0 {
		t.Errorf("%s: paid %d, received %d, %+v, %+v", name, paid, got, mine, theirs)
	}
	signed := map[string]bool{}
	for _, r := range receipts(t, seller, buyer) {
		signed[string(r.JSON())] = true
	}
	// Of the receipts of one account, the amounts are the price of the bytes.
	byJob := map[string][2]uint64{}
	bytes, both := uint64(0), 0
	for _, r := range receipts(t, buyer, seller) {
		s := byJob[r.Receipt.Job.String()]
		byJob[r.Receipt.Job.String()] = [2]uint64{s[0] + r.Receipt.Units, s[1] + r.Receipt.Amount}
		bytes += r.Receipt.Units
		switch {
		case !r.Countersigned:
			alone++
		case !signed[string(r.JSON())]:
			t.Errorf("%s: the seller lacks a receipt that it signed", name)
		default:
			both++
		}
	}
	if lost := len(signed) - both; lost > alone { // signed, and the answer was lost
		t.Errorf("%s: the seller has %d receipts more", name, lost)
	}
	sum := uint64(0)
	for job, s := range byJob {
		// What a seller that died twice has forgotten counts among what was free.
		if want := priceOf(t, 1000, s[0]); s[1] != want && s[1] > 0 {
			t.Errorf("%s: account %s: %d bytes for %d, want %d", name, job, s[0], s[1], want)
		}
		sum += s[1]
	}
	if sum != paid {
		t.Errorf("%s: receipts of %d, paid %d", name, sum, paid)
	}
	if theirs.Served < bytes || theirs.Served-bytes != theirs.Unpaid+theirs.Forgiven {
		t.Errorf("%s: %d served, %d paid for, %d unpaid and %d forgiven", name, theirs.Served, bytes, theirs.Unpaid, theirs.Forgiven)
	}
	return alone
}

// TestConservation draws sequences of transfers, broken streams, silences and
// deaths of either side. Whatever happens, no unit of money and no byte of a
// receipt is on one side only.
func TestConservation(t *testing.T) {
	rounds := 12
	if raceOn {
		rounds = 4
	}
	if os.Getenv("INFERNET_LONG") != "" {
		rounds = 2000
	}
	for i := range rounds {
		seed := uint64(i + 1)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { conserve(t, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

func conserve(t *testing.T, draw *rand.Rand) {
	n := newNetwork(t)
	parties := [2]*party{n.join(small(1000)), n.join(small(0))}
	disks := [2]*crashing{}
	boot := func(i int) {
		if disks[i] != nil {
			disks[i].kill()
		}
		disks[i] = &crashing{Store: parties[i].disk, left: 1 + draw.IntN(60), after: draw.IntN(2) == 0}
		parties[i].start(disks[i])
		parties[i].run()
	}
	boot(0)
	boot(1)
	for range 12 + draw.IntN(12) {
		switch draw.IntN(6) {
		case 0:
			<-time.After(time.Duration(draw.IntN(30_000)) * time.Millisecond)
		case 1: // the buyer breaks off
			if x, err := begin(parties[1], parties[0], 1000, false); err == nil {
				size := 1 + draw.IntN(6*mib)
				x.send(size, 1+draw.IntN(2*mib))
				_ = x.take(draw.IntN(size))
				_ = x.got.(interface{ Reset() error }).Reset()
				x.end()
				<-x.werr
			}
		default:
			timed(parties[1], parties[0], 1+draw.IntN(12*mib))
		}
		for i := range disks {
			if disks[i].gone() {
				boot(i)
			}
		}
	}
	for i := range parties { // and now nobody dies any more
		disks[i].kill()
		parties[i].start(parties[i].disk)
		parties[i].run()
	}
	rest(t, parties[1], parties[0])
	checkBooks(t, "in the end", parties[1], parties[0])
	l := traffic(t, parties[0], parties[1])
	if l.Unpaid > parties[0].cfg.Window {
		t.Errorf("%d bytes are unpaid", l.Unpaid)
	}
}

// timed is carry for a seller that may stop in the middle.
func timed(to, from *party, n int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	x, err := begin(to, from, 1000, false)
	if err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { x.raw.Close() })
	x.send(n, mib)
	err = x.take(n)
	stop()
	if err == nil {
		_ = x.got.Close()
	} else {
		_ = x.got.(interface{ Reset() error }).Reset()
	}
	x.end()
	<-x.werr
}
