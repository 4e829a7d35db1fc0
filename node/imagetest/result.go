package imagetest

import (
	"strings"
	"time"

	"infernet.tech/infernet/exec/engine/enginetest"
)

// Names of the checks beside those of enginetest.
const (
	CheckImage  = "image"                      // it can be read and is no bomb
	CheckLabels = "labels"                     // it says how it is run, or an adapter does
	CheckStart  = "start"                      // it becomes healthy
	CheckRuns   = "keeps running"              // it did not end by itself meanwhile
	CheckClaims = "claims only what it can do" // its capabilities were found
)

// Check is one thing that was found out.
type Check struct {
	Name   string           `json:"name"`
	Level  enginetest.Level `json:"level"`
	OK     bool             `json:"ok"`
	Detail string           `json:"detail,omitempty"` // what is wrong; may quote the engine
	Millis int64            `json:"took_ms"`
}

// Result tells of an image.
type Result struct {
	OK      bool     `json:"ok"` // nothing is missing that must be there
	Digest  string   `json:"digest,omitempty"`
	Adapter string   `json:"adapter,omitempty"`
	Model   string   `json:"model"` // as requests called it
	Can     []string `json:"can"`   // capabilities that were found
	Checks  []Check  `json:"checks"`
	// Left are checks that were not made, because one before them failed that
	// they need.
	Left bool `json:"left_out"`
}

// maxDetail bounds what is told of a check, in bytes.
const maxDetail = 1500

// add takes in a check of our own and says whether it went well.
func (r *Result) add(name string, level enginetest.Level, since time.Time, err error) bool {
	f := enginetest.Finding{Name: name, Level: level, OK: err == nil, Took: time.Since(since)}
	if err != nil {
		f.Detail = err.Error()
	}
	r.take(f)
	return f.OK
}

func (r *Result) take(f enginetest.Finding) {
	detail := f.Detail
	if len(detail) > maxDetail {
		detail = strings.ToValidUTF8(detail[:maxDetail], "") + "…"
	}
	r.Checks = append(r.Checks, Check{Name: f.Name, Level: f.Level, OK: f.OK, Detail: detail, Millis: f.Took.Milliseconds()})
	r.OK = r.OK && (f.OK || f.Level != enginetest.Must)
}

// Failed is how many checks of a level failed.
func (r *Result) Failed(level enginetest.Level) (n int) {
	for _, c := range r.Checks {
		if c.Level == level && !c.OK {
			n++
		}
	}
	return n
}
