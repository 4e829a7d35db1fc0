package blob

// reserve makes room for n more bytes under the quota, by removing what was
// used longest ago, and keeps it until release. A fetch reserves the size of a
// file when it learns it, held bytes included, and releases it after the file
// is committed or given up; a packer reserves for itself. Errors: ErrQuota.
func (s *Store) reserve(n uint64) (release func(), err error) {
	return func() {}, nil
}
