package nwc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/nbd-wtf/go-nostr"

	"infernet.tech/infernet/payments/lightning/ln"
)

// Kinds of NIP-47.
const (
	kindInfo     = 13194
	kindRequest  = 23194
	kindResponse = 23195
)

// maxAnswer bounds a message of the relay, in bytes.
const maxAnswer = 256 << 10

// skew is how far a wallet's clock may be behind ours.
const skew = 5 * time.Minute

// session is one connection to a relay, with the subscription to our answers. It
// ends at the first error; the next request makes a new one.
type session struct {
	conn *websocket.Conn
	done chan struct{} // closed when it has ended
	told chan struct{} // closed when the relay has sent all that it had

	mu      sync.Mutex
	waiting map[string]chan nostr.Event // by the request they answer
	refused map[string]chan string      // by the event that the relay does not take
	info    chan nostr.Event            // the wallet's own description
}

// dial connects to the first relay that answers and subscribes.
func dial(ctx context.Context, cfg Config, us string) (*session, error) {
	var errs []error
	for _, relay := range cfg.Relays {
		conn, _, err := websocket.Dial(ctx, relay, nil)
		if err != nil {
			errs = append(errs, fmt.Errorf("%.80q: %w", relay, err))
			continue
		}
		conn.SetReadLimit(maxAnswer)
		s := &session{
			conn: conn, done: make(chan struct{}), told: make(chan struct{}), info: make(chan nostr.Event, 1),
			waiting: map[string]chan nostr.Event{}, refused: map[string]chan string{},
		}
		go s.read(cfg.Wallet)
		since := nostr.Timestamp(time.Now().Add(-skew).Unix())
		err = s.write(ctx, "REQ", "nwc",
			nostr.Filter{Kinds: []int{kindResponse}, Authors: []string{cfg.Wallet}, Tags: nostr.TagMap{"p": {us}}, Since: &since},
			nostr.Filter{Kinds: []int{kindInfo}, Authors: []string{cfg.Wallet}, Limit: 1})
		if err == nil {
			return s, nil
		}
		s.close()
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("%w: no relay of the wallet: %w", ln.ErrUnavailable, errors.Join(errs...))
}

func (s *session) close() { _ = s.conn.CloseNow() }

// writeFor is how long the relay may take to take a message.
const writeFor = 20 * time.Second

// write sends a message whole, even where ctx ends meanwhile: one that is cut off
// would end the connection for all who wait for answers over it.
func (s *session) write(ctx context.Context, message ...any) error {
	b, err := json.Marshal(message)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeFor)
	defer cancel()
	return s.conn.Write(whole, websocket.MessageText, b)
}

// read routes what comes until the connection ends. It outlives no session: the
// connection's end is its own.
func (s *session) read(wallet string) {
	defer close(s.done)
	caughtUp := false
	for {
		kind, raw, err := s.conn.Read(context.Background())
		if err != nil {
			return
		}
		if kind != websocket.MessageText {
			continue
		}
		if s.route(raw, wallet) == "EOSE" && !caughtUp {
			caughtUp = true
			close(s.told)
		}
	}
}

// route gives a message to whom it is for, drops all that is for nobody and
// returns its label.
func (s *session) route(raw []byte, wallet string) (label string) {
	var parts []json.RawMessage
	if json.Unmarshal(raw, &parts) != nil || len(parts) < 2 || json.Unmarshal(parts[0], &label) != nil {
		return ""
	}
	switch {
	case label == "OK":
		s.noted(parts)
	case label == "EVENT" && len(parts) > 2:
		var e nostr.Event
		if json.Unmarshal(parts[2], &e) != nil || e.PubKey != wallet || !e.CheckID() {
			break
		}
		if ok, err := e.CheckSignature(); err == nil && ok {
			s.deliver(e)
		}
	}
	return label
}

// deliver hands an event of the wallet's to who waits for it.
func (s *session) deliver(e nostr.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to := s.info
	if e.Kind == kindResponse {
		tag := e.Tags.Find("e")
		if len(tag) < 2 {
			return
		}
		to = s.waiting[tag[1]]
	}
	select {
	case to <- e:
	default: // nobody waits, or an answer is there already
	}
}

// noted passes on that the relay does not take an event.
func (s *session) noted(parts []json.RawMessage) {
	var id, why string
	var ok bool
	if len(parts) < 4 || json.Unmarshal(parts[1], &id) != nil || json.Unmarshal(parts[2], &ok) != nil || json.Unmarshal(parts[3], &why) != nil || ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.refused[id] <- why:
	default:
	}
}

// Errors of a request that tell whether the wallet can have seen it.
var (
	errRefused = errors.New("the relay does not take the request")
	errSilent  = errors.New("no answer")
)

// ask sends a request and waits for its answer.
func (s *session) ask(ctx context.Context, request nostr.Event) (nostr.Event, error) {
	answer, refusal := make(chan nostr.Event, 1), make(chan string, 1)
	s.mu.Lock()
	s.waiting[request.ID], s.refused[request.ID] = answer, refusal
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, request.ID)
		delete(s.refused, request.ID)
	}()
	err := s.write(ctx, "EVENT", request)
	if err != nil {
		return nostr.Event{}, fmt.Errorf("%w: %w", errSilent, err)
	}
	select {
	case e := <-answer:
		return e, nil
	case why := <-refusal:
		return nostr.Event{}, fmt.Errorf("%w: %.200q", errRefused, why)
	case <-s.done:
		err = errors.New("the relay broke off")
	case <-ctx.Done():
		err = ctx.Err()
	}
	select {
	case e := <-answer: // it came before that
		return e, nil
	default:
		return nostr.Event{}, fmt.Errorf("%w: %w", errSilent, err)
	}
}
