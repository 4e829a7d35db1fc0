package gpu

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"

	"infernet.tech/infernet/exec"
)

// nvLibrary is a library of NVIDIA's driver that programs inside a sandbox
// load. It has to be of the kernel driver's version.
type nvLibrary struct {
	soname string // "%s" stands for the version
	needed bool
}

// nvLibraries are those for computing; what draws, encodes or debugs stays
// out.
var nvLibraries = [...]nvLibrary{
	{"libcuda.so.1", true},
	{"libnvidia-ml.so.1", true},
	{"libnvidia-ptxjitcompiler.so.1", false},
	{"libnvidia-nvvm.so.4", false},
	{"libnvidia-nvvm70.so.4", false},
	{"libnvidia-gpucomp.so.%s", false},
	{"libnvidia-opencl.so.1", false},
}

// libDirs are looked in where ld.so.cache knows nothing, 64-bit ones first.
var libDirs = [...]string{
	"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/lib64",
	"/usr/lib/x86_64-linux-gnu/nvidia/current", "/usr/lib64/nvidia", "/usr/lib/nvidia",
	"/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/opt/nvidia/lib64", "/run/opengl-driver/lib",
	"/usr/lib", "/lib", "/usr/local/lib",
}

// nvidiaLibraries finds the libraries of one driver version, and nvidia-smi.
// Each is mounted under the name by which programs load it, and under its own
// full name, by which the libraries load each other.
func (h Host) nvidiaLibraries(version string) ([]exec.BindMount, error) {
	cache := map[string][]string{}
	if raw, err := h.read("/etc/ld.so.cache", maxCache); err == nil {
		cache = parseCache(raw)
	}
	var out []exec.BindMount
	add := func(source, name string) {
		m := exec.BindMount{Source: source, Destination: path.Join(Dir, "lib", name)}
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	for _, lib := range nvLibraries {
		name := strings.ReplaceAll(lib.soname, "%s", version)
		source, other := h.library(name, version, cache)
		switch {
		case source != "":
			add(source, name)
			add(source, path.Base(source))
		case lib.needed && other != "":
			return nil, fmt.Errorf("%w: %.120q does not fit the kernel driver %s: restart the machine", ErrDriver, other, version)
		case lib.needed:
			return nil, fmt.Errorf("%w: %s is not on this machine", ErrDriver, name)
		}
	}
	for _, dir := range toolDirs {
		real, err := h.resolve(path.Join(dir, "nvidia-smi"))
		if err == nil && path.Base(real) == "nvidia-smi" && h.isELF(real) {
			out = append(out, exec.BindMount{Source: real, Destination: path.Join(Dir, "bin/nvidia-smi")})
			break
		}
	}
	return out, nil
}

// library returns the real path of a library of that version; else in other
// the path of one that has another version.
func (h Host) library(name, version string, cache map[string][]string) (real, other string) {
	paths := slices.Clone(cache[name])
	stem, _, _ := strings.Cut(name, ".so.")
	for _, dir := range libDirs {
		paths = append(paths, path.Join(dir, name))
		if version != "" {
			paths = append(paths, path.Join(dir, stem+".so."+version))
		}
	}
	for _, p := range paths {
		real, err := h.resolve(p)
		if err != nil || !h.isELF(real) {
			continue
		}
		if version == "" || strings.HasSuffix(real, ".so."+version) {
			return real, ""
		}
		other = real
	}
	return "", other
}

// elfMachine are the numbers of ELF for the processors that run providers.
var elfMachine = map[string]uint16{"amd64": 62, "arm64": 183}

// isELF tells whether a file is a 64-bit program or library of this processor:
// a 32-bit one of the same name is beside it on many machines.
func (h Host) isELF(real string) bool {
	info, err := os.Lstat(h.host(real))
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(h.host(real))
	if err != nil {
		return false
	}
	defer f.Close()
	var head [20]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:4]) != "\x7fELF" {
		return false
	}
	return head[4] == 2 && binary.LittleEndian.Uint16(head[18:]) == elfMachine[runtime.GOARCH]
}
