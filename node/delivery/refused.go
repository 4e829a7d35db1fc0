package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"infernet.tech/infernet/payments"
)

// refused deals with a delivery that the provider does not take as it is.
func (s *Service) refused(ctx context.Context, t *tab, o *open, cause error) error {
	final := s.d.Now().UnixMilli()-o.Ended > abandonAfter.Milliseconds()
	r, ok := isRefused(cause, CodeMetered, CodeUnknown, CodeMismatch, CodePrice, CodeMalformed)
	if !ok && !final {
		return cause
	}
	// What was paid, or may have been, is not said again in another way.
	switch charged, err := s.charged(ctx, t, o); {
	case err != nil:
		return errors.Join(cause, err)
	case charged:
		if err := s.pay(ctx, t, o); err != nil {
			return errors.Join(cause, err)
		}
		return s.unsigned(t, o, cause)
	case final || r.code == CodeMalformed:
		return errors.Join(cause, s.giveUp(t, o))
	case r.code == CodeMetered:
		return errors.Join(cause, s.lower(t, o, r.text)) // the next try says the new numbers
	case r.code == CodePrice:
		cause = fmt.Errorf("%w: %d per GiB was told, now %.64q", ErrPrice, o.Doc.Price, r.text)
		err := s.giveUp(t, o)
		t.fail(cause)
		return errors.Join(cause, err)
	}
	return s.begins(t, o, cause)
}

// charged reports whether a delivery was paid; an error says that it may have
// been.
func (s *Service) charged(ctx context.Context, t *tab, o *open) (bool, error) {
	e, err := s.d.Rail.Status(ctx, t.key.peer, payments.NewRef(s.job(t, o).String(), o.Doc.Seq, 0))
	if errors.Is(err, payments.ErrNoEntry) {
		return false, nil
	}
	if err == nil && e.State.Outcome() == payments.OutcomeUnknown {
		err = payments.ErrUnknown
	}
	return e.State == payments.StateCaptured, err
}

// fail ends the streams of a tab that cannot be paid for.
func (t *tab) fail(reason error) {
	t.mu.Lock()
	t.reason = reason
	flows := slices.Collect(maps.Keys(t.flows))
	t.mu.Unlock()
	for _, in := range flows {
		_ = in.Reset()
	}
}

// lower states less: what the provider metered is all that it asks for. What is
// above was free there, or it has forgotten it; it counts among what is free.
func (s *Service) lower(t *tab, o *open, text string) error {
	text, _, _ = strings.Cut(strings.TrimPrefix(text, Metered), " ")
	most, err := strconv.ParseUint(text, 10, 53)
	if err != nil || most >= o.Doc.Bytes {
		return fmt.Errorf("%w: refused without a number below", errProtocol)
	}
	excess := o.Doc.Bytes - most
	t.mu.Lock()
	d, err := s.delivery(t, max(most, 1))
	t.mu.Unlock()
	if err != nil {
		return err
	}
	next := o.copied()
	if next.Doc = d; most == 0 {
		next = nil
	}
	err = s.commitTab(t, func(r *taken) {
		r.Total -= excess
		r.Open = next
	})
	if err == nil && t.key.price > 0 {
		s.addFree(t, excess)
	}
	return err
}

// addFree counts bytes among those that came free.
func (s *Service) addFree(t *tab, n uint64) {
	now := time.Now()
	err := s.onTab(tabKey{t.key.peer, 0}, func(free *tab) {
		free.add("more", n, now)
		free.moved = now
	})
	if err != nil {
		s.log.Error("delivery: account", "peer", t.key.peer.Short(), "err", err)
	}
}

// begins goes on with another account: the provider does not know this one, or
// has it otherwise. Nothing of the delivery was paid.
func (s *Service) begins(t *tab, o *open, cause error) error {
	now := s.d.Now()
	t.mu.Lock()
	young := now.Unix()-t.rec.Renewed < int64(renewAfter/time.Second) && t.rec.Next > 0
	fresh := t.rec
	t.mu.Unlock()
	if young || o.Doc.Seq == 0 {
		return errors.Join(cause, s.giveUp(t, o))
	}
	fresh.renew(now)
	err := s.commitTab(t, func(r *taken) {
		r.Total -= r.Done
		r.Account, r.Renewed, r.Done, r.Next, r.Open = fresh.Account, fresh.Renewed, 0, 0, nil
	})
	return errors.Join(cause, err)
}

// giveUp drops a delivery, and the account with it: its bytes are not owed on
// the terms that they were taken on.
func (s *Service) giveUp(t *tab, o *open) error {
	fresh := taken{}
	fresh.renew(s.d.Now())
	return s.commitTab(t, func(r *taken) {
		r.Total -= r.Done + o.Doc.Bytes
		r.Account, r.Renewed, r.Done, r.Next, r.Open = fresh.Account, fresh.Renewed, 0, 0, nil
	})
}
