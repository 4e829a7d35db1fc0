package sim

import "errors"

// ErrConfig is returned for a world that cannot be made.
var ErrConfig = errors.New("sim: not a possible world")
