package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	oai "infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/store"
)

// status is where a batch stands, as OpenAI names it.
type status string

const (
	validating status = "validating"
	inProgress status = "in_progress"
	finalizing status = "finalizing"
	completed  status = "completed"
	failing    status = "failed"
	expired    status = "expired"
	cancelling status = "cancelling"
	cancelled  status = "cancelled"
)

// ended says whether a batch will not change any more.
func (s status) ended() bool {
	return s == completed || s == failing || s == expired || s == cancelled
}

// batch is a batch as OpenAI's clients see it, and as it is kept. Times are
// Unix seconds, null until they are known.
type batch struct {
	ID               string            `json:"id"`
	Object           string            `json:"object"`
	Endpoint         string            `json:"endpoint"`
	Model            string            `json:"model,omitempty"`
	Errors           *faults           `json:"errors"`
	InputFileID      string            `json:"input_file_id"`
	CompletionWindow string            `json:"completion_window"`
	Status           status            `json:"status"`
	OutputFileID     *string           `json:"output_file_id"`
	ErrorFileID      *string           `json:"error_file_id"`
	CreatedAt        int64             `json:"created_at"`
	InProgressAt     *int64            `json:"in_progress_at"`
	ExpiresAt        *int64            `json:"expires_at"`
	FinalizingAt     *int64            `json:"finalizing_at"`
	CompletedAt      *int64            `json:"completed_at"`
	FailedAt         *int64            `json:"failed_at"`
	ExpiredAt        *int64            `json:"expired_at"`
	CancellingAt     *int64            `json:"cancelling_at"`
	CancelledAt      *int64            `json:"cancelled_at"`
	RequestCounts    tally             `json:"request_counts"`
	Metadata         map[string]string `json:"metadata"`
	Infernet         how               `json:"infernet"`
}

// tally counts the lines of a batch.
type tally struct {
	Total     int `json:"total"`
	Completed int `json:"completed"`
	Failed    int `json:"failed"`
}

// how tells in which of its two ways a batch runs.
type how struct {
	Path  string `json:"path,omitempty"`  // job | requests; "" not decided yet
	Job   string `json:"job,omitempty"`   // id of the job
	Label string `json:"label,omitempty"` // how far the answers are checked
	Note  string `json:"note,omitempty"`  // why it does not run as a job
	After status `json:"after,omitempty"` // what a finalizing batch becomes
}

const (
	pathJob      = "job"
	pathRequests = "requests"
)

// metaPath is the metadata key that forces a way.
const metaPath = "infernet_path"

// faults is a list of what is wrong with a batch's input.
type faults struct {
	Object string  `json:"object"`
	Data   []fault `json:"data"`
}

// fault is one of them.
type fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Param   any    `json:"param"`
	Line    any    `json:"line"` // from 1; null when the fault has no line
}

// batchRequest is the body of POST /v1/batches.
type batchRequest struct {
	InputFileID      string            `json:"input_file_id"`
	Endpoint         string            `json:"endpoint"`
	CompletionWindow string            `json:"completion_window"`
	Metadata         map[string]string `json:"metadata"`
	Expires          *struct {
		Anchor  string `json:"anchor"`
		Seconds int64  `json:"seconds"`
	} `json:"output_expires_after"`
}

// readBatch checks the body of POST /v1/batches.
func readBatch(raw []byte) (batchRequest, error) {
	var b batchRequest
	if err := json.Unmarshal(raw, &b); err != nil {
		return b, oai.BadRequest("", "the body is not the JSON object that is expected: %v", err)
	}
	_, known := kindOf(b.Endpoint)
	switch {
	case b.InputFileID == "":
		return b, oai.BadRequest("input_file_id", "missing")
	case !known:
		return b, oai.BadRequest("endpoint", "%.60q: /v1/chat/completions, /v1/completions and /v1/embeddings are known", b.Endpoint)
	case b.CompletionWindow != "24h":
		return b, oai.BadRequest("completion_window", "%.40q: 24h is the only one", b.CompletionWindow)
	case b.Expires != nil:
		return b, oai.BadRequest("output_expires_after", "not supported: delete the files when they are read")
	case len(b.Metadata) > 16:
		return b, oai.BadRequest("metadata", "more than 16 keys")
	}
	for k, v := range b.Metadata {
		if len(k) > 64 || utf8.RuneCountInString(v) > 512 {
			return b, oai.BadRequest("metadata", "a key of more than 64 bytes, or a value of more than 512 letters")
		}
	}
	if p := b.Metadata[metaPath]; p != "" && p != pathJob && p != pathRequests {
		return b, oai.BadRequest("metadata", "%s: %.40q is neither job nor requests", metaPath, p)
	}
	return b, nil
}

// record keeps batches in the store.
type record struct{ store store.Store }

func (r record) get(id string) (batch, error) {
	var b batch
	err := r.store.View(func(t store.Reader) error {
		raw, err := t.Get(key("batch/", id))
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &b)
	})
	if errors.Is(err, store.ErrNotFound) {
		return b, missing("batch", id)
	}
	return b, err
}

// change applies fn to a batch and keeps what came of it.
func (r record) change(id string, fn func(*batch) error) (b batch, err error) {
	err = r.store.Update(func(t store.Txn) error {
		raw, err := t.Get(key("batch/", id))
		if err != nil {
			return err
		}
		b = batch{}
		if err := json.Unmarshal(raw, &b); err != nil {
			return err
		}
		if err := fn(&b); err != nil {
			return err
		}
		return set(t, b)
	})
	if errors.Is(err, store.ErrNotFound) {
		err = missing("batch", id)
	}
	return b, err
}

func set(t store.Txn, b batch) error {
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return t.Set(key("batch/", b.ID), raw)
}

func (r record) add(b batch) error {
	return r.store.Update(func(t store.Txn) error { return set(t, b) })
}

// list returns all batches, newest first.
func (r record) list() ([]batch, error) {
	var all []batch
	err := r.store.View(func(t store.Reader) error {
		return t.Scan([]byte("batch/"), func(_, raw []byte) error {
			var b batch
			if err := json.Unmarshal(raw, &b); err != nil {
				return fmt.Errorf("batch record: %w", err)
			}
			all = append(all, b)
			return nil
		})
	})
	slices.SortFunc(all, func(a, b batch) int {
		if a.CreatedAt != b.CreatedAt {
			return int(b.CreatedAt - a.CreatedAt)
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all, err
}
