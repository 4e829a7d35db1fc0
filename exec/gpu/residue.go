package gpu

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// nvidiaResidue asks nvidia-smi for processes and memory. Cards whose memory
// is the machine's own (Grace, Jetson) tell none; there the processes alone
// count.
func (h Host) nvidiaResidue(ctx context.Context, d Device) (string, error) {
	raw, err := h.run(ctx, "nvidia-smi", "--query-compute-apps=gpu_uuid,pid", "--format=csv,noheader,nounits")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(raw)) {
		id, pid, ok := strings.Cut(line, ",")
		id, pid = strings.TrimSpace(id), strings.TrimSpace(pid)
		switch {
		case ok && strings.EqualFold(id, d.ID):
			return "process " + clean(pid, 16) + " runs on it", nil
		case !ok && id != "" && !strings.HasPrefix(id, "No running processes"):
			return "", fmt.Errorf("nvidia-smi: %s", clean(id, maxReason/2))
		}
	}
	rows, err := h.querySMI(ctx)
	i := slices.IndexFunc(rows, func(r smiRow) bool { return r.pci == d.PCI && (r.uuid == "" || r.uuid == d.ID) })
	switch {
	case i < 0 && err != nil:
		return "", err
	case i < 0:
		return "", fmt.Errorf("nvidia-smi does not know it")
	case rows[i].fault != "":
		return "", fmt.Errorf("%s", rows[i].fault)
	case rows[i].total == 0 && d.VRAMBytes > 0, d.VRAMBytes == 0 && rows[i].total > 0:
		return "", errUnseen
	}
	return over(rows[i].used, d), nil
}

// amdResidue reads sysfs: what each process has on the card by the compute
// side's books, and the memory in use.
func (h Host) amdResidue(d Device) (string, error) {
	const procs = "/sys/class/kfd/kfd/proc"
	var id string
	if len(d.Nodes) > 0 {
		id = h.kfd()[path.Base(d.Nodes[0])].id
	}
	for _, pid := range h.names(procs) {
		if id == "" || !numbered(pid, "") {
			continue
		}
		if n, ok := h.number(path.Join(procs, pid, "vram_"+id)); ok && n > 0 {
			return "process " + pid + " has memory on it", nil
		}
	}
	used, ok := h.number(pciDir + "/" + d.PCI + "/mem_info_vram_used")
	if !ok || pciName(d.PCI) != d.PCI {
		return "", errUnseen
	}
	return over(used, d), nil
}

// holders returns a process that has one of the nodes open, as its number; ""
// if there is none. It needs root to see those of other users.
func (h Host) holders(nodes []string) string {
	for _, pid := range h.pids() {
		dir := path.Join("/proc", pid, "fd")
		for _, fd := range h.names(dir) {
			target, err := os.Readlink(h.host(path.Join(dir, fd)))
			if err == nil && slices.Contains(nodes, target) {
				return pid
			}
		}
	}
	return ""
}

// pids returns the numbers of all processes; more than a folder's bound of
// names is what a busy machine has.
func (h Host) pids() []string {
	f, err := os.Open(h.host("/proc"))
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(1 << 17)
	return slices.DeleteFunc(names, func(n string) bool { return !numbered(n, "") })
}
