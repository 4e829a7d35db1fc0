package bench

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/image"
)

// exitCode is the whole of the program, as the processor reads it: the system
// call exit_group(0).
var exitCode = map[string]struct {
	machine uint16 // e_machine
	code    []byte
}{
	"amd64": {62, []byte{
		0x31, 0xff, // xor edi, edi
		0xb8, 0xe7, 0x00, 0x00, 0x00, // mov eax, 231
		0x0f, 0x05, // syscall
	}},
	"arm64": {183, []byte{
		0x00, 0x00, 0x80, 0xd2, // mov x0, #0
		0xc8, 0x0b, 0x80, 0xd2, // mov x8, #94
		0x01, 0x00, 0x00, 0xd4, // svc #0
	}},
}

// noop is a static program that ends at once with success: an ELF header, one
// segment that is the whole file, and a few instructions (elf(5)).
func noop(arch string) ([]byte, error) {
	p, ok := exitCode[arch]
	if !ok {
		return nil, fmt.Errorf("bench: %w: no program for %s", exec.ErrUnsupported, arch)
	}
	const base, header, segment, page = 0x400000, 64, 56, 0x10000
	le := binary.LittleEndian
	b := append([]byte("\x7fELF"), 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0) // 64 bits, little endian
	b = le.AppendUint16(b, 2)                                          // executable
	b = le.AppendUint16(b, p.machine)
	b = le.AppendUint32(b, 1)
	b = le.AppendUint64(b, base+header+segment) // entry
	b = le.AppendUint64(b, header)              // program headers
	b = le.AppendUint64(b, 0)                   // no sections
	b = le.AppendUint32(b, 0)
	for _, v := range []uint16{header, segment, 1, 0, 0, 0} {
		b = le.AppendUint16(b, v)
	}
	size := uint64(header + segment + len(p.code))
	b = le.AppendUint32(b, 1) // loaded
	b = le.AppendUint32(b, 5) // read, execute
	for _, v := range []uint64{0, base, base, size, size, page} {
		b = le.AppendUint64(b, v)
	}
	return append(b, p.code...), nil
}

// writeNoop makes the image FROM nothing that holds the program alone.
func writeNoop(dir string) (exec.Image, error) {
	program, err := noop(runtime.GOARCH)
	if err != nil {
		return exec.Image{}, err
	}
	dir = filepath.Join(dir, "noop")
	digest, err := image.WriteLayout(dir, image.Spec{
		Files:      map[string]image.File{"noop": {Mode: 0o755, Data: program}},
		Entrypoint: []string{"/noop"},
	})
	return exec.Image{Digest: digest, Layout: dir}, err
}
