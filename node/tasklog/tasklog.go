// Package tasklog is the framing of a task's live output on a stream: what
// the sandbox printed, in order, as it is printed.
//
// A stream of `/infernet/log/1` starts with one signed Progress document that
// names the attempt, then the provider sends chunks until the attempt ends:
//
//	1 byte   1 = stdout, 2 = stderr
//	uvarint  length, at most MaxChunk
//	bytes
//
// The output is a stranger's bytes: callers escape it before a terminal sees
// it. Roles provider (writing) and aggregator (reading) use it.
package tasklog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// MaxChunk is the most bytes of output in one chunk.
const MaxChunk = 64 << 10

// ErrFrame means that the bytes read are no chunk of this format.
var ErrFrame = errors.New("tasklog: malformed chunk")

// Stream says which of a task's outputs a chunk is of.
type Stream byte

// The two outputs.
const (
	Stdout Stream = 1
	Stderr Stream = 2
)

func (s Stream) String() string {
	if s == Stderr {
		return "stderr"
	}
	return "stdout"
}

// Chunk is some output of a task.
type Chunk struct {
	Stream Stream
	Data   []byte
}

// Write sends one chunk; its data must not exceed MaxChunk.
func Write(w io.Writer, c Chunk) error {
	if len(c.Data) > MaxChunk {
		return fmt.Errorf("%w: %d bytes", ErrFrame, len(c.Data))
	}
	frame := make([]byte, 0, len(c.Data)+1+binary.MaxVarintLen32)
	frame = append(frame, byte(c.Stream))
	frame = binary.AppendUvarint(frame, uint64(len(c.Data)))
	_, err := w.Write(append(frame, c.Data...))
	return err
}

// Read takes the next chunk. The length is checked before anything is
// allocated. io.EOF means a clean end between chunks.
func Read(r *bufio.Reader) (Chunk, error) {
	kind, err := r.ReadByte()
	if err != nil {
		return Chunk{}, err
	}
	if kind != byte(Stdout) && kind != byte(Stderr) {
		return Chunk{}, fmt.Errorf("%w: stream %d", ErrFrame, kind)
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return Chunk{}, fmt.Errorf("%w: length: %w", ErrFrame, err)
	}
	if n > MaxChunk {
		return Chunk{}, fmt.Errorf("%w: %d bytes", ErrFrame, n)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return Chunk{}, fmt.Errorf("%w: cut short: %w", ErrFrame, err)
	}
	return Chunk{Stream: Stream(kind), Data: data}, nil
}
