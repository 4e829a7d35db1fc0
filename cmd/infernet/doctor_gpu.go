package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"infernet.tech/infernet/exec/gpu"
)

// checkGPUs tells which cards can be lent, and for each that cannot what is
// missing: driver, nvidia-smi, device nodes, rights, libraries. A machine
// without any is as good: that is no fault.
func checkGPUs(ctx context.Context, h gpu.Host) []check {
	c := check{Name: "gpu", State: checkOK, Detail: "none found; tasks and models run on the processor"}
	found, err := h.Scan(ctx)
	if err != nil {
		c.State, c.Detail = checkWarn, err.Error()
		return []check{c}
	}
	var names []string
	for _, d := range found.Devices {
		name := d.Name
		if d.VRAMBytes > 0 {
			name += " (" + bytesText(d.VRAMBytes) + ")"
		}
		names = append(names, name)
	}
	switch {
	case len(names) > 0:
		c.Detail = fmt.Sprintf("%d to lend: %s", len(names), strings.Join(names, ", "))
	case len(found.Odd) > 0:
		c.State, c.Detail = checkWarn, "none that can be lent"
	}
	all := []check{c}
	for _, o := range gpuReportOf(found).Odd {
		one := check{Name: "gpu", State: checkWarn, Detail: o.line(), Fix: o.Fix}
		if o.Fix == "" {
			one.State = checkOK // nothing to be done about it
		}
		all = append(all, one)
	}
	if runtime.GOOS != "linux" {
		return all
	}
	for _, d := range found.Devices {
		if _, err := h.Inject(ctx, []gpu.Device{d}); err != nil {
			all = append(all, check{
				Name: "gpu", State: checkWarn, Detail: fmt.Sprintf("%s cannot be put into a sandbox: %v", d.Name, err),
				Fix: "install the libraries of the driver's own version, or restart the machine after its update",
			})
		}
	}
	return all
}
