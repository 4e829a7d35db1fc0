package openai

import (
	"net/http"

	oai "infernet.tech/infernet/exec/engine/openai"
)

// createBatch keeps a batch and returns before it was looked at.
func (f *Face) createBatch(w http.ResponseWriter, r *http.Request) {
	one, err := f.newBatch(w, r)
	if err != nil {
		fail(w, r, err)
		return
	}
	f.batch.poke()
	reply(w, one)
}

// maxLive bounds the batches that have not ended.
const maxLive = 100

func (f *Face) newBatch(w http.ResponseWriter, r *http.Request) (batch, error) {
	h, err := f.begin(w)
	if err != nil {
		return batch{}, err
	}
	defer h.done()
	raw, err := f.body(w, r, h, min(f.cfg.MaxBody, 64<<10))
	if err != nil {
		return batch{}, err
	}
	req, err := readBatch(raw)
	if err != nil {
		return batch{}, err
	}
	in, err := f.files.get(req.InputFileID)
	switch {
	case err != nil:
		e := oai.AsError(err)
		e.Param = "input_file_id"
		return batch{}, e
	case in.Purpose != purposeBatch:
		return batch{}, oai.BadRequest("input_file_id", "the file is for %.40q", in.Purpose)
	case f.batch.live() >= maxLive:
		return batch{}, oai.RateLimit("too many batches have not ended")
	}
	now := f.now()
	expires := now.Add(f.cfg.Window).Unix()
	one := batch{
		ID: newID("batch_"), Object: "batch", Endpoint: req.Endpoint, InputFileID: in.ID, CompletionWindow: req.CompletionWindow,
		Status: validating, CreatedAt: now.Unix(), ExpiresAt: &expires, Metadata: req.Metadata,
	}
	return one, f.batch.rec.add(one)
}

func (f *Face) listBatches(w http.ResponseWriter, r *http.Request) {
	all, err := f.batch.rec.list()
	if err != nil {
		fail(w, r, err)
		return
	}
	for i := range all {
		all[i] = f.batch.shown(all[i])
	}
	p, err := paginate(r.URL.Query(), all, 100, func(b batch) string { return b.ID })
	if err != nil {
		fail(w, r, err)
		return
	}
	reply(w, p)
}

func (f *Face) getBatch(w http.ResponseWriter, r *http.Request) {
	one, err := f.batch.rec.get(r.PathValue("id"))
	if err != nil {
		fail(w, r, err)
		return
	}
	reply(w, f.batch.shown(one))
}

func (f *Face) cancelBatch(w http.ResponseWriter, r *http.Request) {
	one, err := f.batch.cancel(r.PathValue("id"))
	if err != nil {
		fail(w, r, err)
		return
	}
	reply(w, f.batch.shown(one))
}
