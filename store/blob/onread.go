package blob

import "io"

// tell passes on that n bytes were read.
func (o AddOptions) tell(n int) {
	if o.OnRead != nil && n > 0 {
		o.OnRead(n)
	}
}

// told is r, of whose bytes OnRead hears.
func (o AddOptions) told(r io.Reader) io.Reader {
	if o.OnRead == nil {
		return r
	}
	return toldReader{r: r, o: o}
}

type toldReader struct {
	r io.Reader
	o AddOptions
}

func (t toldReader) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.o.tell(n)
	return n, err
}
