package openai

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"

	oai "infernet.tech/infernet/exec/engine/openai"
)

// outcome is one line of a batch's output or error file.
type outcome struct {
	ID       string        `json:"id"`
	CustomID string        `json:"custom_id"`
	Response *outcomeReply `json:"response"`
	Error    *outcomeError `json:"error"`
}

type outcomeReply struct {
	StatusCode int             `json:"status_code"`
	RequestID  string          `json:"request_id"`
	Body       json.RawMessage `json:"body"`
}

type outcomeError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// answered makes the outcome of a request that got a reply, good or bad.
func answered(customID string, status int, body json.RawMessage) outcome {
	return outcome{CustomID: customID, Response: &outcomeReply{StatusCode: status, RequestID: newID("req_"), Body: body}}
}

// refused makes the outcome of a request that failed.
func refused(customID string, e *oai.Error) (outcome, error) {
	raw, err := json.Marshal(e)
	return answered(customID, e.Status, raw), err
}

func (o outcome) good() bool {
	return o.Error == nil && o.Response != nil && o.Response.StatusCode/100 == 2
}

// results are the two files of a batch that grow while it runs. What is in
// them survives a crash; a line cut by one is taken away.
type results struct {
	mu        sync.Mutex
	paths     [2]string // good, bad
	files     [2]*os.File
	done      map[[16]byte]bool
	good, bad int
}

func (b *batches) open(id string) (*results, error) {
	r := &results{done: map[[16]byte]bool{}}
	for i, ext := range []string{".out", ".err"} {
		r.paths[i] = b.files.path(id + ext)
		f, err := os.OpenFile(r.paths[i], os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			r.close()
			return nil, err
		}
		r.files[i] = f
		n, err := r.resume(f)
		if err != nil {
			r.close()
			return nil, err
		}
		if i == 0 {
			r.good = n
		} else {
			r.bad = n
		}
	}
	return r, nil
}

// resume reads what is there and leaves the file at the end of its last whole line.
func (r *results) resume(f *os.File) (lines int, err error) {
	in := bufio.NewReaderSize(f, 64<<10)
	end := int64(0)
	for {
		raw, err := in.ReadBytes('\n')
		var o struct {
			CustomID string `json:"custom_id"`
		}
		if err != nil || json.Unmarshal(raw, &o) != nil {
			if err != nil && !errors.Is(err, io.EOF) {
				return lines, err
			}
			break
		}
		end += int64(len(raw))
		lines++
		r.done[hashed(o.CustomID)] = true
	}
	if err := f.Truncate(end); err != nil {
		return lines, err
	}
	_, err = f.Seek(end, io.SeekStart)
	return lines, err
}

func hashed(s string) [16]byte {
	sum := sha256.Sum256([]byte(s))
	return [16]byte(sum[:16])
}

func (r *results) has(customID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done[hashed(customID)]
}

// write adds one outcome, once.
func (r *results) write(o outcome) error {
	o.ID = newID("batch_req_")
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(o); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done[hashed(o.CustomID)] {
		return nil
	}
	f, n := r.files[1], &r.bad
	if o.good() {
		f, n = r.files[0], &r.good
	}
	if _, err := f.Write(buf.Bytes()); err != nil {
		return err
	}
	r.done[hashed(o.CustomID)] = true
	*n++
	return nil
}

func (r *results) close() {
	for _, f := range r.files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// keep puts what was written onto the shelf and returns the ids; "" for none.
// The ids follow from the batch's, so that doing it twice gives the same.
func (r *results) keep(s *shelf, batch string) (out, bad string, err error) {
	var ids [2]string
	for i, f := range r.files {
		info, err := f.Stat()
		if err != nil {
			return "", "", err
		}
		sum := sha256.Sum256([]byte(r.paths[i]))
		id := "file-" + hex.EncodeToString(sum[:12])
		if info.Size() == 0 {
			if err := os.Remove(r.paths[i]); err != nil {
				return "", "", err
			}
			// A crash may have come when it was already moved there.
			if info, err = os.Stat(s.path(id)); err != nil {
				continue
			}
		} else if err := f.Sync(); err != nil {
			return "", "", err
		}
		name := batch + []string{"_output.jsonl", "_error.jsonl"}[i]
		if _, err := s.put(r.paths[i], file{ID: id, Bytes: info.Size(), Filename: name, Purpose: purposeOutput}); err != nil {
			return "", "", err
		}
		ids[i] = id
	}
	return ids[0], ids[1], nil
}
