package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/store/blob"
)

// addCAR takes in the roots of a CAR. The first stands for all; its name and
// whether it is shared hold for each.
func (b contentBackend) addCAR(ctx context.Context, req api.AddRequest) (api.Content, error) {
	path, remove, err := b.carFile(req)
	if err != nil {
		return api.Content{}, err
	}
	defer remove()
	most, err := carLimit(path, req.Max)
	if err != nil {
		return api.Content{}, err
	}
	infos, err := b.n.lib.Blobs().ImportCAR(ctx, path, blob.Limits{Bytes: most})
	if errors.Is(err, blob.ErrBadBlock) { // there is no sender to blame
		err = fmt.Errorf("%w: %s", blob.ErrCAR, plainWords(err))
	}
	if err != nil {
		return api.Content{}, err
	}
	var all []api.Content
	for i, info := range infos {
		name := req.Name
		if i > 0 {
			name = "" // one name stands for one thing
		}
		if err := b.n.lib.Blobs().Pin(info.CID); err != nil {
			return api.Content{}, err
		}
		c, err := b.keepData(info, name, req.Share)
		if err != nil {
			return c, err
		}
		all = append(all, c)
	}
	first := all[0]
	first.Others = all[1:]
	return first, nil
}

// carLimit bounds the payload of a CAR. A small one may name a block a million
// times and stand for a terabyte: without a word of the user no more than is
// fetched, or than its file has.
func carLimit(path string, asked uint64) (uint64, error) {
	if asked > 0 {
		return asked, nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return max(content.MaxBring, uint64(st.Size())), nil
}

// carPrefix begins the names of CARs on their way in.
const carPrefix = "car-"

// sweepCARs removes those that a killed node left.
func (n *Node) sweepCARs() error {
	left, err := filepath.Glob(n.cfg.path("scratch", carPrefix+"*"))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// carFile is the CAR as a file, which can be read in any order.
func (b contentBackend) carFile(req api.AddRequest) (path string, remove func(), err error) {
	if req.Body == nil {
		return req.Path, func() {}, nil
	}
	f, err := os.CreateTemp(b.n.cfg.path("scratch"), carPrefix)
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.Remove(f.Name()) }
	payload := min(req.Max, 1<<50)
	if payload == 0 {
		payload = content.MaxBring
	}
	// What frames the payload is small beside it, but for many small files.
	most := int64(payload + payload/8 + 64<<20)
	n, err := io.Copy(f, io.LimitReader(req.Body, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("%w: a CAR of more than %d bytes", blob.ErrTooBig, most)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		remove()
		return "", nil, err
	}
	return f.Name(), remove, nil
}
