package openai

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	oai "infernet.tech/infernet/exec/engine/openai"
)

// upload takes a file from a multipart form, straight to the disk.
func (f *Face) upload(w http.ResponseWriter, r *http.Request) {
	h, err := f.begin(w)
	if err != nil {
		fail(w, r, err)
		return
	}
	defer h.done()
	const form = 1 << 20 // what the form adds to the file, generously
	if r.ContentLength > f.cfg.MaxFile+form {
		w.Header().Set("Connection", "close")
		fail(w, r, oai.TooLarge(f.cfg.MaxFile))
		return
	}
	r.Body = http.MaxBytesReader(w, &steady{r.Body, http.NewResponseController(w), f.cfg.BodyTime}, f.cfg.MaxFile+form)
	got, err := f.form(r)
	if got.path != "" {
		defer func() { _ = os.Remove(got.path) }() // gone when it was put on the shelf
	}
	if err == nil {
		err = got.check()
	}
	if err != nil {
		fail(w, r, uploadError(err, f.cfg.MaxFile))
		return
	}
	at := int64(0)
	if got.seconds > 0 {
		at = f.now().Unix() + got.seconds
	}
	kept, err := f.files.put(got.path, file{ID: newID("file-"), Bytes: got.size, Filename: got.name, Purpose: got.purpose, ExpiresAt: at})
	if err != nil {
		fail(w, r, err)
		return
	}
	reply(w, kept)
}

// uploaded is what a form held.
type uploaded struct {
	path, name, purpose string
	size, seconds       int64
}

func (u uploaded) check() error {
	switch {
	case u.path == "":
		return oai.BadRequest("file", "the form has no file")
	case u.purpose == "":
		return oai.BadRequest("purpose", "the form has no purpose")
	case u.purpose != purposeBatch:
		return oai.BadRequest("purpose", "%.40q: files are taken for batch alone", u.purpose)
	}
	return nil
}

// maxParts bounds the fields of a form.
const maxParts = 16

func (f *Face) form(r *http.Request) (u uploaded, err error) {
	mr, err := r.MultipartReader()
	if err != nil {
		return u, oai.BadRequest("", "send the file as multipart/form-data")
	}
	for range maxParts {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			return u, nil
		}
		if err != nil {
			return u, err
		}
		if err := f.field(part, &u); err != nil {
			return u, err
		}
	}
	return u, oai.BadRequest("", "the form has more than %d fields", maxParts)
}

func (f *Face) field(part *multipart.Part, u *uploaded) error {
	if part.FormName() == "file" {
		if u.path != "" {
			return oai.BadRequest("file", "the form has two files")
		}
		u.name = fileName(part.FileName())
		var err error
		u.path, u.size, err = f.files.receive(part)
		return err
	}
	raw, err := io.ReadAll(io.LimitReader(part, 256))
	if err != nil {
		return err
	}
	switch part.FormName() {
	case "purpose":
		u.purpose = string(raw)
	case "expires_after[anchor]":
		if string(raw) != "created_at" {
			return oai.BadRequest("expires_after.anchor", "must be created_at")
		}
	case "expires_after[seconds]":
		if u.seconds, err = strconv.ParseInt(string(raw), 10, 64); err != nil || u.seconds < 3600 || u.seconds > 2592000 {
			return oai.BadRequest("expires_after.seconds", "must be from 3600 to 2592000")
		}
	}
	return nil
}

// fileName keeps what a client called its file, short and without its folders.
func fileName(s string) string {
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	s = strings.ToValidUTF8(s, "")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "")
	}
	if s == "" {
		return "file.jsonl"
	}
	return s
}

// uploadError tells a form that is at fault from a disk that is.
func uploadError(err error, limit int64) error {
	var large *http.MaxBytesError
	var known *oai.Error
	var path *os.PathError
	switch {
	case errors.As(err, &large):
		return oai.TooLarge(limit)
	case errors.As(err, &known), errors.As(err, &path):
		return err
	}
	return oai.BadRequest("", "the form was cut short or is damaged")
}

// steady gives up on a sender from whom nothing comes for a while.
type steady struct {
	io.ReadCloser
	c    *http.ResponseController
	idle time.Duration
}

// Read implements io.Reader.
func (s *steady) Read(p []byte) (int, error) {
	// A recorder of a test has no deadlines.
	_ = s.c.SetReadDeadline(time.Now().Add(s.idle))
	n, err := s.ReadCloser.Read(p)
	_ = s.c.SetReadDeadline(time.Time{})
	return n, err
}

func (f *Face) listFiles(w http.ResponseWriter, r *http.Request) {
	all, err := f.files.list()
	if err != nil {
		fail(w, r, err)
		return
	}
	purpose := r.URL.Query().Get("purpose")
	kept := all[:0]
	for _, one := range all {
		if purpose == "" || one.Purpose == purpose {
			kept = append(kept, one)
		}
	}
	page, err := paginate(r.URL.Query(), kept, 10_000, func(f file) string { return f.ID })
	if err != nil {
		fail(w, r, err)
		return
	}
	reply(w, page)
}

func (f *Face) getFile(w http.ResponseWriter, r *http.Request) {
	one, err := f.files.get(r.PathValue("id"))
	if err != nil {
		fail(w, r, err)
		return
	}
	reply(w, one)
}

func (f *Face) fileContent(w http.ResponseWriter, r *http.Request) {
	one, err := f.files.get(r.PathValue("id"))
	if err != nil {
		fail(w, r, err)
		return
	}
	in, err := os.Open(f.files.path(one.ID))
	if err != nil {
		fail(w, r, err)
		return
	}
	defer func() { _ = in.Close() }()
	header(w)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(one.Bytes, 10))
	if r.Method != http.MethodHead {
		_, _ = io.Copy(w, in)
	}
}

func (f *Face) deleteFile(w http.ResponseWriter, r *http.Request) {
	one, err := f.files.get(r.PathValue("id"))
	if err == nil && f.batch.reads(one.ID) {
		busy := oai.BadRequest("id", "a batch that has not ended reads this file")
		busy.Status, busy.Code = http.StatusConflict, "file_in_use"
		err = busy
	}
	if err == nil {
		err = f.files.remove(one.ID)
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	reply(w, map[string]any{"id": one.ID, "object": "file", "deleted": true})
}
