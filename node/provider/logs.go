package provider

import (
	"bytes"
	"sync"

	"infernet.tech/infernet/node/tasklog"
)

// maxLogs is how many bytes of a task's output are kept for those who come
// late; the runner's own cap stops a task that writes without end.
const maxLogs = 1 << 20

// chunkCost is what keeping a chunk takes beside its bytes: a task that writes
// byte by byte must not take more than one that does not.
const chunkCost = 64

// logs keeps a task's output in order and wakes its readers. It is bounded:
// past maxLogs the rest is dropped and the fact remembered.
type logs struct {
	mu      sync.Mutex
	chunks  []tasklog.Chunk
	size    int
	closed  bool
	changed chan struct{}
}

func newLogs() *logs { return &logs{changed: make(chan struct{})} }

// writer returns an io.Writer for one of the task's two streams.
func (l *logs) writer(stream tasklog.Stream) logWriter { return logWriter{l, stream} }

type logWriter struct {
	logs   *logs
	stream tasklog.Stream
}

// Write never fails: a reader that has gone must not stop the task.
func (w logWriter) Write(p []byte) (int, error) {
	w.logs.append(w.stream, p)
	return len(p), nil
}

func (l *logs) append(stream tasklog.Stream, p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	room := maxLogs - l.size - chunkCost
	if l.closed || room <= 0 || len(p) == 0 {
		return
	}
	data := append([]byte(nil), p[:min(len(p), room)]...)
	l.size += len(data) + chunkCost
	for len(data) > 0 {
		n := min(len(data), tasklog.MaxChunk)
		l.chunks = append(l.chunks, tasklog.Chunk{Stream: stream, Data: data[:n]})
		data = data[n:]
	}
	l.wake()
}

// tail returns the last n bytes of one stream, for a reason that people read.
func (l *logs) tail(stream tasklog.Stream, n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []byte
	for i := len(l.chunks) - 1; i >= 0 && len(out) < n; i-- {
		if l.chunks[i].Stream == stream {
			out = append(append([]byte(nil), l.chunks[i].Data...), out...)
		}
	}
	return string(bytes.TrimSpace(out[max(0, len(out)-n):]))
}

// close says that nothing more will come.
func (l *logs) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		l.wake()
	}
}

func (l *logs) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// from returns the chunks at and after index i, whether more may come, and a
// channel that closes when there is more.
func (l *logs) from(i int) (chunks []tasklog.Chunk, open bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i < len(l.chunks) {
		chunks = l.chunks[i:len(l.chunks):len(l.chunks)]
	}
	return chunks, !l.closed, l.changed
}
