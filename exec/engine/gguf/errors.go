package gguf

import "errors"

var (
	// ErrFormat says that the file is of no format of this package.
	ErrFormat = errors.New("not a model file: GGUF and safetensors are known")
	// ErrVersion says that a GGUF file is of a version that is not read: 2 and
	// 3 are, little-endian.
	ErrVersion = errors.New("GGUF of another version than 2 and 3")
	// ErrTruncated says that the file ends before what it announces.
	ErrTruncated = errors.New("model file is cut short")
	// ErrMalformed says that the header contradicts itself or its format.
	ErrMalformed = errors.New("model file is malformed")
	// ErrLimit says that the header asks for more than the limits allow.
	ErrLimit = errors.New("model header exceeds the limits")
	// ErrNoVocab says that the file holds no vocabulary.
	ErrNoVocab = errors.New("model file holds no vocabulary")
	// ErrPickle refuses pickles.
	ErrPickle = errors.New("this is a pickle (PyTorch .bin, .pt, .pth), which runs code of whoever made it when it is loaded; " +
		"take the same model as safetensors or GGUF")
)
