package engine

import "errors"

// ErrNotBuilt: the engine program is not where it should be.
var ErrNotBuilt = errors.New("engine: infernet-llm is not built: run make in the source folder, or set " + BinaryEnv + " to its path")

// ErrNotAnImage: the folder for the image holds something else, which is kept.
var ErrNotAnImage = errors.New("engine: folder holds something that is not an image layout")

// ErrSpec: a Spec cannot be run: a bad field, no label and no adapter, or more
// memory than there is.
var ErrSpec = errors.New("engine: bad engine")

// ErrBusy: the queue of the engine, or of the tenant, is full.
var ErrBusy = errors.New("engine: queue is full")

// ErrStart: the engine did not become healthy. Nothing was sent to it.
var ErrStart = errors.New("engine: did not start")

// ErrCrashed: the engine ended, hung, or broke the connection while it worked
// on the request. The same request may be asked of another.
var ErrCrashed = errors.New("engine: crashed")

// ErrReleased: the slot was given back already.
var ErrReleased = errors.New("engine: slot was released")

// ErrClosed: the pool has ended.
var ErrClosed = errors.New("engine: pool closed")

// ErrMemory: the model does not fit into the memory that is allowed for it.
var ErrMemory = errors.New("engine: not enough memory for the model")
