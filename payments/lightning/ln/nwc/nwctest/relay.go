package nwctest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/coder/websocket"
	"github.com/nbd-wtf/go-nostr"
)

// Relay keeps events and passes them on (NIP-01).
type Relay struct {
	server *httptest.Server

	mu      sync.Mutex
	events  []nostr.Event
	clients map[*client]bool
	wallets []func(nostr.Event)
	refuse  string
}

type client struct {
	conn    *websocket.Conn
	sub     string
	filters nostr.Filters
}

// NewRelay starts a relay on loopback.
func NewRelay() *Relay {
	r := &Relay{clients: map[*client]bool{}}
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	return r
}

// URL is where the relay is reached.
func (r *Relay) URL() string { return "ws" + strings.TrimPrefix(r.server.URL, "http") }

// Close ends it.
func (r *Relay) Close() {
	r.Drop()
	r.server.Close()
}

// Drop breaks all connections off.
func (r *Relay) Drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.clients {
		_ = c.conn.CloseNow()
	}
}

// Refuse makes the relay take no more requests, for that reason; empty ends it.
func (r *Relay) Refuse(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = why
}

// Lose forgets all that the relay keeps.
func (r *Relay) Lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}

// Put adds an event and passes it to whom it concerns.
func (r *Relay) Put(e nostr.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	for c := range r.clients {
		if c.sub != "" && c.filters.Match(&e) {
			c.send("EVENT", c.sub, e)
		}
	}
	for _, w := range r.wallets {
		go w(e)
	}
}

func (c *client) send(message ...any) {
	if b, err := json.Marshal(message); err == nil {
		_ = c.conn.Write(context.Background(), websocket.MessageText, b)
	}
}

func (r *Relay) serve(w http.ResponseWriter, req *http.Request) {
	conn, err := websocket.Accept(w, req, nil)
	if err != nil {
		return
	}
	c := &client{conn: conn}
	r.mu.Lock()
	r.clients[c] = true
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.clients, c)
		r.mu.Unlock()
		_ = conn.CloseNow()
	}()
	for {
		_, raw, err := conn.Read(req.Context())
		if err != nil {
			return
		}
		var parts []json.RawMessage
		var label string
		if json.Unmarshal(raw, &parts) != nil || len(parts) < 2 || json.Unmarshal(parts[0], &label) != nil {
			return
		}
		switch label {
		case "EVENT":
			r.take(c, parts[1])
		case "REQ":
			r.subscribe(c, parts)
		}
	}
}

func (r *Relay) take(c *client, raw json.RawMessage) {
	var e nostr.Event
	if json.Unmarshal(raw, &e) != nil {
		return
	}
	r.mu.Lock()
	why := r.refuse
	if ok, err := e.CheckSignature(); err != nil || !ok || !e.CheckID() {
		why = "invalid: signature"
	}
	c.send("OK", e.ID, why == "", why)
	r.mu.Unlock()
	if why == "" {
		r.Put(e)
	}
}

func (r *Relay) subscribe(c *client, parts []json.RawMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if json.Unmarshal(parts[1], &c.sub) != nil {
		return
	}
	c.filters = nil
	for _, raw := range parts[2:] {
		var f nostr.Filter
		if json.Unmarshal(raw, &f) == nil {
			c.filters = append(c.filters, f)
		}
	}
	for _, e := range r.events {
		if c.filters.Match(&e) {
			c.send("EVENT", c.sub, e)
		}
	}
	c.send("EOSE", c.sub)
}
