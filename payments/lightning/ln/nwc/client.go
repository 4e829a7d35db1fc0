package nwc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip04"
	"github.com/nbd-wtf/go-nostr/nip44"

	"infernet.tech/infernet/payments/lightning/ln"
)

// Node is a wallet behind a relay. It connects at the first call and again when
// the connection has ended; Close ends it.
type Node struct {
	cfg Config
	us  string // our public key

	mu      sync.Mutex
	session *session
	modern  *bool // whether the wallet knows NIP-44; nil: not asked yet
}

var _ ln.Node = (*Node)(nil)

// New makes a driver. It sends nothing.
func New(cfg Config) (*Node, error) {
	us, err := nostr.GetPublicKey(cfg.Secret)
	if err != nil {
		return nil, fmt.Errorf("%w: the connection's secret is no key", ln.ErrSpec)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Poll == 0 {
		cfg.Poll = defaultPoll
	}
	return &Node{cfg: cfg, us: us}, nil
}

// Close ends the connection.
func (n *Node) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.session != nil {
		n.session.close()
		<-n.session.done
		n.session = nil
	}
	return nil
}

// connect returns the living session, or a new one.
func (n *Node) connect(ctx context.Context) (*session, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.session != nil {
		select {
		case <-n.session.done:
		default:
			return n.session, nil
		}
	}
	s, err := dial(ctx, n.cfg, n.us)
	if err != nil {
		return nil, err
	}
	n.session = s
	return s, nil
}

// encryption says whether the wallet knows NIP-44. One whose description does not
// name it is of old. Without a description nothing is sent: a relay that holds it
// back must not have us write what it can alter.
func (n *Node) encryption(ctx context.Context, s *session) (modern bool, err error) {
	n.mu.Lock()
	known := n.modern
	n.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	select {
	case <-s.told:
	case <-s.done:
		return false, fmt.Errorf("%w: the relay broke off", ln.ErrUnavailable)
	case <-ctx.Done():
		return false, fmt.Errorf("%w: the relay says nothing", ln.ErrUnavailable)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.modern != nil { // a call at the same time has read it
		return *n.modern, nil
	}
	select {
	case e := <-s.info:
		tag := e.Tags.Find("encryption")
		modern = len(tag) > 1 && slices.Contains(strings.Fields(tag[1]), "nip44_v2")
	default:
		s.close() // it may come over the next connection
		<-s.done
		return false, fmt.Errorf("%w: the relay has no description of the wallet (kind %d), which says how to write to it", ln.ErrUnavailable, kindInfo)
	}
	n.modern = &modern
	return modern, nil
}

// Note is what the wallet's owner should know of such a connection. It is known
// after the first call.
func (n *Node) Note() string {
	const bounds = "NIP-47 knows no limit for fees and none for how long money is locked: those of the wallet hold, and what it spent is counted afterwards"
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.modern != nil && !*n.modern {
		return bounds + "; the wallet knows only NIP-04, an encryption that shows lengths and changes: a newer version of it knows NIP-44"
	}
	return bounds
}

// failure is what a wallet answers instead of a result.
type failure struct{ Code, Message string }

func (f *failure) Error() string { return fmt.Sprintf("the wallet: %.40s: %.200q", f.Code, f.Message) }

// call asks the wallet. An error that wraps errSilent leaves open whether it has
// heard.
func (n *Node) call(ctx context.Context, limit time.Duration, method string, params, result any) error {
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s, err := n.connect(inner)
	if err != nil {
		return orEnded(ctx, err)
	}
	modern, err := n.encryption(inner, s)
	if err != nil {
		return orEnded(ctx, err)
	}
	request, err := n.request(method, params, modern, time.Now().Add(limit))
	if err != nil {
		return err
	}
	e, err := s.ask(inner, request)
	switch {
	case err == nil:
		return n.answer(e, method, modern, result)
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", errSilent, ctx.Err())
	}
	return fmt.Errorf("%w: the wallet: %s: %w", ln.ErrUnavailable, method, err)
}

func orEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// request writes and signs an event that nobody but the wallet reads.
func (n *Node) request(method string, params any, modern bool, until time.Time) (nostr.Event, error) {
	body, err := json.Marshal(map[string]any{"method": method, "params": params})
	if err != nil {
		return nostr.Event{}, err
	}
	e := nostr.Event{
		Kind: kindRequest, CreatedAt: nostr.Now(),
		Tags: nostr.Tags{{"p", n.cfg.Wallet}, {"expiration", strconv.FormatInt(until.Unix(), 10)}},
	}
	if modern {
		e.Tags = append(e.Tags, nostr.Tag{"encryption", "nip44_v2"})
	}
	if e.Content, err = seal(string(body), n.cfg, modern); err != nil {
		return nostr.Event{}, err
	}
	return e, e.Sign(n.cfg.Secret)
}

func seal(text string, cfg Config, modern bool) (string, error) {
	if modern {
		key, err := nip44.GenerateConversationKey(cfg.Wallet, cfg.Secret)
		if err != nil {
			return "", err
		}
		return nip44.Encrypt(text, key)
	}
	key, err := nip04.ComputeSharedSecret(cfg.Wallet, cfg.Secret)
	if err != nil {
		return "", err
	}
	return nip04.Encrypt(text, key)
}

func open(sealed string, cfg Config, modern bool) (string, error) {
	if modern {
		key, err := nip44.GenerateConversationKey(cfg.Wallet, cfg.Secret)
		if err != nil {
			return "", err
		}
		return nip44.Decrypt(sealed, key)
	}
	key, err := nip04.ComputeSharedSecret(cfg.Wallet, cfg.Secret)
	if err != nil {
		return "", err
	}
	return nip04.Decrypt(sealed, key)
}

// answer reads a result, or the wallet's refusal.
func (n *Node) answer(e nostr.Event, method string, modern bool, result any) error {
	text, err := open(e.Content, n.cfg, modern)
	if err != nil {
		return fmt.Errorf("%w: %w: the wallet's answer to %s cannot be opened: %w", ln.ErrUnavailable, errSilent, method, err)
	}
	var a struct {
		ResultType string          `json:"result_type"`
		Error      *failure        `json:"error"`
		Result     json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return fmt.Errorf("%w: %w: the wallet's answer to %s: %w", ln.ErrUnavailable, errSilent, method, err)
	}
	if a.Error != nil {
		return meaning(a.Error)
	}
	if a.ResultType != method {
		return fmt.Errorf("%w: %w: the wallet answers %.40q to %s", ln.ErrUnavailable, errSilent, a.ResultType, method)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		return fmt.Errorf("%w: %w: the wallet's result of %s: %w", ln.ErrUnavailable, errSilent, method, err)
	}
	return nil
}

// meaning gives a wallet's refusal its error of package ln.
func meaning(f *failure) error {
	switch f.Code {
	case "NOT_FOUND":
		return fmt.Errorf("%w: %w", ln.ErrNotFound, f)
	case "NOT_IMPLEMENTED":
		return fmt.Errorf("%w: %w", ln.ErrUnsupported, f)
	case "RESTRICTED", "UNAUTHORIZED":
		return fmt.Errorf("%w: %w: connect again and allow it in the wallet", ln.ErrDenied, f)
	case "UNSUPPORTED_ENCRYPTION":
		return fmt.Errorf("%w: %w", ln.ErrUnsupported, f)
	}
	return f
}

// code is the wallet's word for a refusal, or empty.
func code(err error) string {
	var f *failure
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}
