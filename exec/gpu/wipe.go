package gpu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// slack is how far a card's memory may be above what it was when it was found:
// drivers keep a little for themselves that comes and goes.
const slack = 64 << 20

// WipeOptions say how cards are cleared. The zero value has the defaults.
type WipeOptions struct {
	// Timeout bounds the wait for the driver to take a tenant's memory back; 0
	// is 30 seconds.
	Timeout time.Duration
	// Interval is the time between two looks; 0 is 250 milliseconds.
	Interval time.Duration
	// Reset allows nvidia-smi --gpu-reset on cards without a screen. It needs
	// root, takes seconds, and disturbs whoever else uses the card, so it is
	// off by default: the driver's own clearing is relied on.
	Reset bool
}

// Wiper returns the Wiper of this machine's cards. What it does for each
// vendor is told in the package comment. A card that it cannot observe is not
// clean: NVIDIA's without nvidia-smi, any without the reading of its memory
// that Detect took. Intel's drivers tell no memory in use; there the card is
// clean when no process has its node open.
func (h Host) Wiper(o WipeOptions) Wiper {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Interval <= 0 {
		o.Interval = 250 * time.Millisecond
	}
	return WiperFunc(func(ctx context.Context, d Device) error {
		ctx, cancel := context.WithTimeout(ctx, o.Timeout)
		defer cancel()
		look := func() (string, error) { return h.residue(ctx, d) }
		if err := untilClean(ctx, o.Interval, look); err != nil {
			return err
		}
		if !o.Reset || d.Vendor != NVIDIA || d.Display {
			return nil
		}
		// A card that cannot be reset alone (joined to others by NVLink, or
		// rented from a cloud) refuses, and stays as it is. What counts is
		// that it answers and is clean afterwards.
		_, err := h.run(ctx, "nvidia-smi", "--gpu-reset", "-i", d.ID)
		if err := untilClean(ctx, o.Interval, look); err != nil {
			return fmt.Errorf("after its reset: %w", err)
		}
		return ctxOnly(ctx, err)
	})
}

// ctxOnly keeps an error only where the time is over.
func ctxOnly(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return err
	}
	return nil
}

// untilClean looks until nothing is left, or the time is over, or looking
// itself fails.
func untilClean(ctx context.Context, every time.Duration, look func() (string, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := "no look was taken in time"
	for {
		left, err := look()
		switch {
		case err != nil && ctx.Err() != nil:
			return fmt.Errorf("%w: %s (%w; %w)", ErrDirty, last, ctx.Err(), err)
		case err != nil:
			return fmt.Errorf("%w: %w", ErrDirty, err)
		case left == "":
			return nil
		}
		last = left
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %s (%w)", ErrDirty, last, ctx.Err())
		}
	}
}

var errUnseen = errors.New("what is on it cannot be seen")

// residue says what a tenant has left on a card; "" is nothing.
func (h Host) residue(ctx context.Context, d Device) (string, error) {
	switch d.Vendor {
	case NVIDIA:
		return h.nvidiaResidue(ctx, d)
	case AMD:
		return h.amdResidue(d)
	case Intel:
		if h.Root == "" && os.Geteuid() != 0 {
			return "", errUnseen
		}
		if who := h.holders(d.Nodes); who != "" {
			return "process " + who + " has it open", nil
		}
		return "", nil
	}
	return "", errUnseen
}

// over says that more memory is in use than there was at the beginning. A
// beginning with much of the card in use was no clean one (another program, or
// a tenant of an earlier run of this node), so only an eighth, or a GiB for a
// screen, is let pass.
func over(used uint64, d Device) string {
	base := min(d.UsedBytes, max(d.VRAMBytes/8, 1<<30))
	if used <= base+slack {
		return ""
	}
	return fmt.Sprintf("%d MiB are in use, %d when it was found", used>>20, d.UsedBytes>>20)
}
