package store

// Prefix returns a view of the keys of s that begin with p, with p taken off
// them. Closing the view leaves s open.
func Prefix(s Store, p string) Store { return &prefixed{s: s, p: []byte(p)} }

type prefixed struct {
	s Store
	p []byte
}

func (v *prefixed) View(fn func(Reader) error) error {
	return v.s.View(func(r Reader) error { return fn(prefixedReader{r, v.p}) })
}

func (v *prefixed) Update(fn func(Txn) error) error {
	return v.s.Update(func(t Txn) error { return fn(prefixedTxn{prefixedReader{t, v.p}, t}) })
}

func (v *prefixed) Close() error { return nil }

type prefixedReader struct {
	r Reader
	p []byte
}

func (v prefixedReader) Get(key []byte) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	return v.r.Get(join(v.p, key))
}

func (v prefixedReader) Scan(prefix []byte, fn func(key, value []byte) error) error {
	return v.r.Scan(join(v.p, prefix), func(key, value []byte) error {
		return fn(key[len(v.p):], value)
	})
}

func (v prefixedReader) ScanFrom(prefix, from []byte, fn func(key, value []byte) error) error {
	return v.r.ScanFrom(join(v.p, prefix), join(v.p, from), func(key, value []byte) error {
		return fn(key[len(v.p):], value)
	})
}

type prefixedTxn struct {
	prefixedReader
	t Txn
}

func (v prefixedTxn) Set(key, value []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return v.t.Set(join(v.p, key), value)
}

func (v prefixedTxn) Delete(key []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return v.t.Delete(join(v.p, key))
}

// join copies, so that views of one prefix never share a backing array.
func join(p, key []byte) []byte {
	k := make([]byte, 0, len(p)+len(key))
	return append(append(k, p...), key...)
}
