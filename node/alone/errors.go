package alone

import "errors"

// ErrBusy: another process of this user works in the folder.
var ErrBusy = errors.New("alone: another run of the same kind is under way")

// ErrUnsafeDir: the folder belongs to somebody else, or others may write to it.
var ErrUnsafeDir = errors.New("alone: folder is not this user's own")
