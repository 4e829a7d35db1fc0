package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// OpenRemote reads a file from the first of the sources that has it, without
// storing anything: for the few megabytes at its beginning that tell what it
// is. Every block is verified before its bytes are given out; blocks that were
// not read are not asked of a source that waits for the reader. Close ends the
// stream; so does ctx. Errors: as of Fetch, and ErrIsDir.
func (s *Store) OpenRemote(ctx context.Context, c string, sources ...Source) (io.ReadCloser, error) {
	root, err := parseCID(c)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, src := range sources {
		r := &remote{w: newWalker(root)}
		if r.k, err = dial(ctx, src, root, s.cfg.IdleTimeout, func() uint64 { return remoteWindow }); err == nil {
			if err = r.begin(); err == nil {
				return r, nil
			}
			_ = r.Close()
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		err = &SourceError{Source: src.Name, Err: err}
		if errors.Is(err, ErrIsDir) || !anotherMayHelp(err) {
			return nil, err
		}
		failed = append(failed, err)
	}
	return nil, fmt.Errorf("%w: %s: %w", ErrNoSource, root, errors.Join(failed...))
}

// remoteWindow is how far a source may run ahead of the reader, in bytes.
const remoteWindow = 256 << 10

// remote is a file that is read from a peer.
type remote struct {
	k      *conn
	w      *walker
	rest   []byte // of the block that was verified last
	err    error
	closed bool
}

// begin asks for the file and takes in its first block.
func (r *remote) begin() error {
	part, err := readStatus(r.k.r)
	if err == nil && part {
		_, err = readMap(r.k.r) // what is missing ends the answer
	}
	if err != nil {
		return r.k.failure(err)
	}
	r.k.ask(question{cid: r.w.root, to: wholeRange})
	if _, err := readStatus(r.k.r); err != nil {
		return r.k.failure(err)
	}
	return r.block()
}

// block verifies the next block. Its error is io.EOF after the last.
func (r *remote) block() error {
	st, more, err := r.w.next()
	if err != nil {
		return err
	}
	if !more {
		return r.end()
	}
	least, most := uint64(1), uint64(maxNode)
	switch {
	case isRaw(st.cid) && st.root:
		least, most = 0, maxLeaf
	case isRaw(st.cid):
		least, most = st.size, st.size
	}
	n, err := readLength(r.k.r, least, most)
	if errors.Is(err, io.EOF) {
		err = wrongAnswer("answer ends at byte %d", st.offset)
	}
	if err != nil {
		return r.k.failure(err)
	}
	b, err := readBlock(r.k.r, st.cid, n)
	if err != nil {
		return r.k.failure(err)
	}
	r.k.alive()
	if isRaw(st.cid) {
		r.rest = b
		return nil
	}
	nd, err := r.w.open(b)
	if err == nil && nd.dir {
		err = ErrIsDir
	}
	return err
}

// end takes in the end of the answer. Its error is io.EOF.
func (r *remote) end() error {
	_, err := readLength(r.k.r, 1, 0)
	return r.k.failure(err)
}

// Read implements io.Reader.
func (r *remote) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		r.k.alive() // the reader may have been the slow one
		r.err = r.block()
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (r *remote) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	r.k.fail()
	return nil
}
