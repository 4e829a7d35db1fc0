package engine

import "errors"

// ErrNotBuilt: the engine program is not where it should be.
var ErrNotBuilt = errors.New("engine: infernet-llm is not built: run make in the source folder, or set " + BinaryEnv + " to its path")

// ErrNotAnImage: the folder for the image holds something else, which is kept.
var ErrNotAnImage = errors.New("engine: folder holds something that is not an image layout")
