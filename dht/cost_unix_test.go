//go:build unix

package dht_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"infernet.tech/infernet/dht"
)

// cpuTime is what this process has used so far.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// What thousands of roots cost, against announcing them one by one.
func TestContentCost(t *testing.T) {
	roots, members := 500, 8
	if os.Getenv("INFERNET_LONG") != "" {
		roots, members = 5000, 24
	}
	nodes := together(t, members)
	holder, asker := nodes[1], nodes[members-1]
	begun, cpu := time.Now(), cpuTime(t)
	if err := holder.dht.ProvideContent(things(roots)); err != nil {
		t.Fatal(err)
	}
	// The last to come is known when all are there. Who asks too often would
	// find what it costs him, and not what was announced.
	pause := time.Millisecond
	eventually(t, "everything found", func() error {
		<-time.After(pause)
		pause = min(2*pause, time.Second)
		for i := 0; i < roots; i += max(1, roots/50) {
			got, err := asker.dht.FindHolders(t.Context(), things(roots)[i], 4)
			if err != nil || len(got) != 1 {
				return fmt.Errorf("root %d: %d holders, %w", i, len(got), err)
			}
		}
		return nil
	})
	together, togetherCPU := time.Since(begun), cpuTime(t)-cpu
	// The same as lookups of their own; a tenth tells what all would take.
	begun, cpu = time.Now(), cpuTime(t)
	if err := dht.ProvideOneByOne(t.Context(), nodes[2].dht, things(roots/10)); err != nil {
		t.Fatal(err)
	}
	single, singleCPU := 10*time.Since(begun), 10*(cpuTime(t)-cpu)
	t.Logf("%d roots, %d members: together %s (%s of CPU, all members), one by one about %s (%s)",
		roots, members, together, togetherCPU, single, singleCPU)
	if togetherCPU > singleCPU {
		t.Errorf("together costs more than one by one")
	}
}
