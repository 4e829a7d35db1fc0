package compare_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"infernet.tech/infernet/node/compare"
)

func crc(raw []byte) []byte { return binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(raw)) }

// swarm is a folder of so many empty files, which are made as they are read.
type swarm struct{ n int }

type swarmDir struct{ left int }

func (s swarm) Open(name string) (fs.File, error) {
	if name != "." {
		return nil, fs.ErrNotExist
	}
	return &swarmDir{left: s.n}, nil
}
func (*swarmDir) Stat() (fs.FileInfo, error) { return nil, fs.ErrInvalid }
func (*swarmDir) Read([]byte) (int, error)   { return 0, fs.ErrInvalid }
func (*swarmDir) Close() error               { return nil }
func (d *swarmDir) ReadDir(n int) (list []fs.DirEntry, err error) {
	if n <= 0 {
		panic("all of it was asked for at once")
	}
	for ; n > 0 && d.left > 0; n-- {
		d.left--
		list = append(list, fs.FileInfoToDirEntry(stub(fmt.Sprint("f", d.left))))
	}
	if len(list) == 0 {
		err = io.EOF
	}
	return list, err
}

// stub is the entry of an empty file.
type stub string

func (s stub) Name() string     { return string(s) }
func (stub) Size() int64        { return 0 }
func (stub) Mode() fs.FileMode  { return 0o644 }
func (stub) ModTime() time.Time { return time.Time{} }
func (stub) IsDir() bool        { return false }
func (stub) Sys() any           { return nil }

func TestHostileFolders(t *testing.T) {
	t.Parallel()
	small := one("x", []byte("x"))
	deep := one(strings.Repeat("d/", 100)+"x", []byte("x"))
	link := fstest.MapFS{"x": {Data: []byte("x"), Mode: fs.ModeSymlink}}
	for _, kind := range byBytes {
		c := comparator(t, kind)
		for _, v := range []struct {
			a, b fs.FS
			want compare.Answer
		}{
			{small, swarm{1_000_000}, compare.Mismatch},
			{swarm{1_000_000}, swarm{2_000_000}, compare.Inconclusive},
			{swarm{90_000}, swarm{200_000}, compare.Inconclusive},
			{small, link, compare.Mismatch},
			{small, one("y", []byte("x")), compare.Mismatch},
			{small, one("x/y", []byte("x")), compare.Mismatch},
			{small, fstest.MapFS{"x": {Data: []byte("x")}, "empty": {Mode: fs.ModeDir | 0o755}}, compare.Mismatch},
			{small, deep, compare.Mismatch},
			{small, one("x\n\x1b[31m", nil), compare.Mismatch},
			{small, one(strings.Repeat("x", 256), []byte("x")), compare.Mismatch},
			{small, one("x\x00", []byte("x")), compare.Mismatch},
		} {
			if _, many := v.b.(swarm); many && kind != "numeric" {
				continue // listed by the same code, and slow to make
			}
			for _, pair := range [][2]fs.FS{{v.a, v.b}, {v.b, v.a}} {
				o, err := c.Compare(t.Context(), pair[0], pair[1])
				if err != nil || o.Answer != v.want || len(o.Why) > 400 || strings.ContainsAny(o.Why, "\n\x1b") {
					t.Errorf("%s: %+v, %v; want %s", kind, o, err, v.want)
				}
			}
		}
	}
}

// endless is a file that is said to have some size and is read as zeros.
type endless struct{ size int64 }

type endlessFile struct {
	stub
	left int64
}

func (e endless) Open(name string) (fs.File, error) {
	if name == "." {
		return fstest.MapFS{"x.json": {}, "x.png": {}, "x.csv": {}, "x.jsonl": {}}.Open(name)
	}
	return &endlessFile{stub: stub(name), left: e.size}, nil
}
func (f *endlessFile) Stat() (fs.FileInfo, error) { return f.stub, nil }
func (f *endlessFile) Close() error               { return nil }
func (f *endlessFile) Read(b []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), f.left)
	f.left -= n
	clear(b[:n])
	return int(n), nil
}

// allocated runs do and tells how much memory it asked for, in bytes.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Files that are larger than their folder says are read no further than the bound.
func TestHostileSizes(t *testing.T) {
	for _, kind := range []string{"numeric", "embedding", "image"} {
		c := comparator(t, kind)
		asked := allocated(func() {
			o, err := c.Compare(t.Context(), endless{1 << 40}, one("x.json", []byte(`[1]`)))
			if err != nil || o.Answer == compare.Match {
				t.Errorf("%s: %+v, %v", kind, o, err)
			}
			a := fstest.MapFS{"x.json": {}, "x.png": {}, "x.csv": {}, "x.jsonl": {Data: []byte("x")}}
			if o, err := c.Compare(t.Context(), endless{1 << 40}, a); err != nil || o.Answer == compare.Match {
				t.Errorf("%s: %+v, %v", kind, o, err)
			}
		})
		if asked > 400<<20 {
			t.Errorf("%s: %d MiB", kind, asked>>20)
		}
	}
}

// bombs are small files that would be large, by name.
func bombs(t testing.TB) map[string][]byte {
	header := func(w, h uint32) []byte {
		body := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("IHDR"), w), h)
		body = append(body, 8, 6, 0, 0, 0)
		raw := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), body...)
		raw = append(raw, crc(body)...)
		return append(raw, "\x00\x00\x00\x00IEND\xaeB`\x82"...)
	}
	wide := bytes.Replace(encodeImage(t, "x.jpg", painting(1, 16, 16)), []byte{0xff, 0xc0, 0, 17, 8, 0, 16, 0, 16}, []byte{0xff, 0xc0, 0, 17, 8, 0xff, 0xff, 0xff, 0xff}, 1)
	scans := encodeImage(t, "x.jpg", painting(1, 16, 16))
	scans = append(scans[:len(scans)-2], bytes.Repeat([]byte{0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0}, 100_000)...)
	frames := encodeImage(t, "x.gif", painting(1, 16, 16))
	frame := append([]byte{0x2c, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 8}, 0)
	frames = append(append(frames[:len(frames)-1], bytes.Repeat(frame, 10_000)...), 0x3b)
	npy := encode("x.npy", [][]float64{{1, 2}})
	tensors := func(head string) []byte {
		return append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...)
	}
	keys := func(n int) []byte {
		var b bytes.Buffer
		b.WriteString(`{"a":0`)
		for i := range n {
			fmt.Fprintf(&b, `,"%d":0`, i)
		}
		b.WriteByte('}')
		return b.Bytes()
	}
	return map[string][]byte{
		"pixels.png": header(1<<31-1, 1<<31-1), "wide.png": header(1<<30, 1), "none.png": header(0, 5),
		"wide.jpg": wide, "scans.jpg": append(scans, 0xff, 0xd9), "frames.gif": frames,
		"deep.json":         []byte(strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20)),
		"objects.json":      []byte(strings.Repeat(`{"a":`, 1<<18) + "1" + strings.Repeat("}", 1<<18)),
		"keys.json":         keys(200_000),
		"digits.json":       []byte("[" + strings.Repeat("9", 1<<20) + "]"),
		"exponent.json":     []byte("[1e999999999999]"),
		"line.jsonl":        bytes.Repeat([]byte("1,"), 4<<20),
		"shape.npy":         bytes.Replace(npy, []byte("(1, 2), }"), []byte("(9999999999, 9999999999, 9999), }                       ")[:9], 1),
		"header.npy":        []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"),
		"code.npy":          bytes.Replace(npy, []byte("False"), []byte("exit("), 1),
		"head.safetensors":  binary.LittleEndian.AppendUint64(nil, 1<<63),
		"over.safetensors":  tensors(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`),
		"hole.safetensors":  append(tensors(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`), 1, 2),
		"lap.safetensors":   append(tensors(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`), 1, 2),
		"case.safetensors":  append(tensors(`{"a":{"dtype":"U8","DTYPE":"F16","shape":[1],"data_offsets":[0,1]}}`), 1),
		"twice.safetensors": append(tensors(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}`), 1),
	}
}

// Bombs never agree with anything but themselves and cost neither time nor memory.
func TestHostileBombs(t *testing.T) {
	good := map[string][]byte{
		"png": encodeImage(t, "x.png", painting(2, 16, 16)), "jpg": encodeImage(t, "x.jpg", painting(2, 16, 16)),
		"gif": encodeImage(t, "x.gif", painting(2, 16, 16)), "json": []byte(`{"a":0}`), "jsonl": lines("1"),
		"npy": encode("x.npy", [][]float64{{1, 2}}), "safetensors": encode("x.safetensors", [][]float64{{1, 2}}),
	}
	for name, raw := range bombs(t) {
		kind := name[strings.IndexByte(name, '.')+1:]
		for _, by := range []string{"numeric", "embedding", "image"} {
			c := comparator(t, by)
			start := time.Now()
			asked := allocated(func() {
				if o := try(t, c, one("x."+kind, raw), one("x."+kind, good[kind])); o.Answer == compare.Match {
					t.Errorf("%s %s: %+v", by, name, o)
				}
			})
			if asked > 300<<20 || time.Since(start) > 30*time.Second {
				t.Errorf("%s %s: %d MiB, %v", by, name, asked>>20, time.Since(start))
			}
		}
	}
}

// broken is a file system whose files cannot be read: nobody's result is to blame.
type broken struct{ fs.FS }

var errDisk = errors.New("disk gone")

func (b broken) Open(name string) (fs.File, error) {
	if name == "." {
		return b.FS.Open(name)
	}
	return nil, errDisk
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	a := one("x.json", []byte(`[1]`))
	called, cancel := context.WithCancel(t.Context())
	cancel()
	for _, kind := range byBytes {
		c := comparator(t, kind)
		for _, pair := range [][2]fs.FS{{a, broken{a}}, {broken{a}, a}} {
			if o, err := c.Compare(t.Context(), pair[0], pair[1]); !errors.Is(err, errDisk) || o.Answer != compare.Inconclusive {
				t.Errorf("%s: %+v, %v", kind, o, err)
			}
		}
		if o, err := c.Compare(called, a, a); !errors.Is(err, context.Canceled) || o.Answer != compare.Inconclusive {
			t.Errorf("%s: %+v, %v", kind, o, err)
		}
	}
}
