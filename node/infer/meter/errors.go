package meter

import "errors"

// ErrGarbage says that bytes are not an event or an answer of the API.
var ErrGarbage = errors.New("not an answer of the API")
