package blob

import (
	"context"
	"errors"
	"io"

	"infernet.tech/infernet/store"
)

type Store struct{}

var errTodo = errors.ErrUnsupported

func Open(dir string, index store.Store, cfg Config) (*Store, error) { return nil, errTodo }
func (s *Store) AddFile(ctx context.Context, path string, opt AddOptions) (Info, error) {
	return Info{}, errTodo
}
func (s *Store) Add(ctx context.Context, r io.Reader) (Info, error)         { return Info{}, errTodo }
func (s *Store) AddTree(ctx context.Context, dir string) (Info, error)      { return Info{}, errTodo }
func (s *Store) Stat(c string) (Info, error)                                { return Info{}, errTodo }
func (s *Store) Has(c string) bool                                          { return false }
func (s *Store) Open(c string) (io.ReadSeekCloser, error)                   { return nil, errTodo }
func (s *Store) Export(ctx context.Context, c, dest string, l Limits) error { return errTodo }
func (s *Store) Path(c string) (string, error)                              { return "", errTodo }
func (s *Store) Hold(c string) (release func(), err error)                  { return nil, errTodo }
func (s *Store) List() ([]Info, error)                                      { return nil, errTodo }
func (s *Store) Pin(c string) error                                         { return errTodo }
func (s *Store) Unpin(c string) error                                       { return errTodo }
func (s *Store) Remove(c string) error                                      { return errTodo }
func (s *Store) Verify(ctx context.Context, c string) error                 { return errTodo }
func (s *Store) GC(ctx context.Context, dryRun bool) (GCReport, error)      { return GCReport{}, errTodo }
func (s *Store) ServeStream(ctx context.Context, rw io.ReadWriter, allow func(root string) error) error {
	return errTodo
}
func (s *Store) Fetch(ctx context.Context, c string, lim Limits, sources ...Source) (Info, error) {
	return Info{}, errTodo
}
