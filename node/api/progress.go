package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// progressEvery is how often a transfer tells how far it is.
const progressEvery = 250 * time.Millisecond

// AddProgress tells how far a transfer is: what is fetched, downloaded, taken
// in, copied out or read again.
type AddProgress struct {
	Stage   string           `json:"stage,omitempty"` // one of the Stage constants; "" is StageFetch
	Bytes   uint64           `json:"bytes"`
	Total   uint64           `json:"total"`             // 0: unknown; may grow while folders open
	Speed   float64          `json:"speed,omitempty"`   // bytes per second, lately
	LeftMS  int64            `json:"left_ms,omitempty"` // to the end at this speed; 0: unknown
	Sources []SourceProgress `json:"sources,omitempty"` // who delivers
}

// Stages of a transfer.
const (
	StageFind   = "find"   // looking for who has it
	StageFetch  = "fetch"  // bytes come from elsewhere
	StageAdd    = "add"    // bytes of this machine are hashed and taken in
	StageWrite  = "write"  // a copy is written
	StageVerify = "verify" // bytes here are hashed again
)

// SourceProgress is the part that one source has in a transfer.
type SourceProgress struct {
	Name  string  `json:"name"` // an npub, perhaps shortened
	Bytes uint64  `json:"bytes"`
	Speed float64 `json:"speed"` // bytes per second, lately
	State string  `json:"state"` // active, idle, banned, failed
}

// Active is how many sources deliver.
func (p AddProgress) Active() int {
	n := 0
	for _, s := range p.Sources {
		if s.State == "active" {
			n++
		}
	}
	return n
}

// withLeft fills in the time left, where speed and total tell it.
func (p AddProgress) withLeft() AddProgress {
	// More than a year is no answer, and would overflow before long.
	const most = float64(365 * 24 * 3600)
	if p.LeftMS == 0 && p.Speed > 0 && p.Total > p.Bytes {
		if s := float64(p.Total-p.Bytes) / p.Speed; s < most {
			p.LeftMS = max(1, int64(s*1000))
		}
	}
	return p
}

// Line is one line of an answer that tells its progress. The last one has
// Result or Error; without one the node went away.
type Line[T any] struct {
	Progress *AddProgress `json:"progress,omitempty"`
	Result   *T           `json:"result,omitempty"`
	Error    *Error       `json:"error,omitempty"`
}

// ndjson is the type of an answer of several lines, and in Accept the wish for
// one: else the answer is one document.
const ndjson = "application/x-ndjson"

// told answers with fn's result, and with its progress on the way where the
// caller asks for that. Failures before the first line are ordinary errors.
func told[T any](w http.ResponseWriter, stream bool, fn func(progress func(AddProgress)) (T, error)) {
	if !stream {
		out, err := fn(nil)
		respond(w, out, err)
		return
	}
	l := &lines[T]{w: w, enc: json.NewEncoder(w), flush: http.NewResponseController(w)}
	out, err := fn(l.progress)
	switch {
	case err == nil:
		l.line(Line[T]{Result: &out})
	case !l.begun:
		writeError(w, err)
	default:
		var e *Error
		if !errors.As(err, &e) {
			e = classify(err)
		}
		l.line(Line[T]{Error: e})
	}
}

// lines writes the answer of one request, in whose goroutine or under whose
// lock it is called.
type lines[T any] struct {
	w     http.ResponseWriter
	enc   *json.Encoder
	flush *http.ResponseController
	begun bool
	last  time.Time
	stage string
}

func (l *lines[T]) progress(p AddProgress) {
	now := time.Now()
	if now.Sub(l.last) < progressEvery && p.Stage == l.stage && (p.Bytes != p.Total || p.Total == 0) {
		return
	}
	l.last, l.stage = now, p.Stage
	p = p.withLeft()
	l.line(Line[T]{Progress: &p})
}

func (l *lines[T]) line(v Line[T]) {
	if !l.begun {
		h := l.w.Header()
		h.Set("Content-Type", ndjson)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		l.begun = true
	}
	// A reader that went away ends the request's context.
	_ = l.enc.Encode(v)
	_ = l.flush.Flush()
}

// wantsLines says whether a caller asked for progress.
func wantsLines(r *http.Request) bool { return r.Header.Get("Accept") == ndjson }
