//go:build linux

package containerd

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strings"

	"infernet.tech/infernet/exec"
)

// elfMachines are the e_machine values of the processors we run on.
var elfMachines = map[string]uint16{"amd64": 62, "arm64": 183, "riscv64": 243}

// checkProgram tells early that a program cannot run here. The runtime finds
// out only when it has given the container away, and then the failure looks
// like the program's own. A name that is looked up in PATH, and a program that
// is not found this way, are left to the runtime.
func checkProgram(rootfs, program string) error {
	if !path.IsAbs(program) {
		return nil
	}
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return err
	}
	defer root.Close()
	f, err := root.Open(strings.TrimPrefix(path.Clean(program), "/"))
	if err != nil {
		return nil
	}
	defer f.Close()
	head := make([]byte, 20)
	n, _ := io.ReadFull(f, head)
	head = head[:n]
	if strings.HasPrefix(string(head), "#!") {
		return nil
	}
	if n < 20 || string(head[:4]) != "\x7fELF" {
		return fmt.Errorf("%w: %.200q is no program", exec.ErrImage, program)
	}
	want, known := elfMachines[runtime.GOARCH]
	if got := binary.LittleEndian.Uint16(head[18:]); known && got != want {
		return fmt.Errorf("%w: %.200q is made for another processor than %s", exec.ErrImage, program, runtime.GOARCH)
	}
	return nil
}
