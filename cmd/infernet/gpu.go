package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/exec/gpu"
)

// gpuRow is one card as gpu list --json prints it.
type gpuRow struct {
	Index       int      `json:"index"`
	ID          string   `json:"id"`
	Vendor      string   `json:"vendor"`
	Name        string   `json:"name"`
	VRAM        uint64   `json:"vram"` // bytes; 0 unknown
	Used        uint64   `json:"used"`
	Utilisation int      `json:"utilisation"` // percent; -1 unknown
	Temperature int      `json:"temperature"` // degrees; -1 unknown
	Compute     string   `json:"compute"`
	Driver      string   `json:"driver"`
	PCI         string   `json:"pci"`
	Nodes       []string `json:"nodes"`
	Display     bool     `json:"display"`
}

// gpuOdd is a card that is left out, or a part of a driver that is missing.
type gpuOdd struct {
	Vendor string `json:"vendor"`
	PCI    string `json:"pci,omitempty"`
	Name   string `json:"name,omitempty"`
	Reason string `json:"reason"`
	Fix    string `json:"fix,omitempty"`
	Used   bool   `json:"used"` // the card is lent all the same
}

type gpuReport struct {
	GPUs []gpuRow `json:"gpus"`
	Odd  []gpuOdd `json:"odd"`
}

func gpuCmd(a *app) *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "list the GPUs of this machine",
		Long: `List the GPUs of this machine that can be lent, as --gpus names them: by INDEX or ID.
Cards that are left out are told with the reason and what to do. Needs no node.`,
		Example: "  infernet gpu list\n  infernet gpu list --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := gpu.Host{}.Scan(cmd.Context())
			if err != nil {
				return err
			}
			r := gpuReportOf(found)
			return a.emit(r, func() { a.showGPUs(r) })
		},
	}
	return group("gpu", "the GPUs of this machine", list)
}

func gpuReportOf(found gpu.Report) gpuReport {
	r := gpuReport{GPUs: []gpuRow{}, Odd: []gpuOdd{}}
	for _, d := range found.Devices {
		r.GPUs = append(r.GPUs, gpuRow{
			Index: d.Index, ID: d.ID, Vendor: string(d.Vendor), Name: d.Name, VRAM: d.VRAMBytes, Used: d.UsedBytes,
			Utilisation: d.Utilisation, Temperature: d.TemperatureC, Compute: d.Compute, Driver: d.Driver,
			PCI: d.PCI, Nodes: append([]string{}, d.Nodes...), Display: d.Display,
		})
	}
	for _, o := range found.Odd {
		r.Odd = append(r.Odd, gpuOdd{Vendor: string(o.Vendor), PCI: o.PCI, Name: o.Name, Reason: o.Reason, Fix: o.Fix, Used: o.Used})
	}
	return r
}

func (a *app) showGPUs(r gpuReport) {
	rows := make([][]string, 0, len(r.GPUs))
	known := func(n int, unit string) string {
		if n < 0 {
			return "-"
		}
		return strconv.Itoa(n) + unit
	}
	for _, g := range r.GPUs {
		vram, used := "-", "-"
		if g.VRAM > 0 {
			vram, used = bytesText(g.VRAM), bytesText(g.Used)
		}
		rows = append(rows, []string{
			strconv.Itoa(g.Index), words(g.Name), vram, used, known(g.Utilisation, "%"), known(g.Temperature, " C"),
			words(dash(g.Compute)), words(dash(g.Driver)), words(g.ID),
		})
	}
	if len(rows) > 0 {
		a.table("INDEX NAME VRAM USED LOAD TEMP COMPUTE DRIVER ID", rows)
	} else {
		a.sayf("no GPU here that can be lent")
	}
	for _, o := range r.Odd {
		verb := "left out"
		if o.Used {
			verb = "note"
		}
		a.sayf("%s: %s", verb, words(o.line()))
		if o.Fix != "" {
			a.sayf("  fix: %s", words(o.Fix))
		}
	}
}

// line says of which card, and what.
func (o gpuOdd) line() string {
	who := o.Vendor
	for _, s := range []string{o.Name, o.PCI} {
		if s != "" {
			who += " " + s
		}
	}
	return fmt.Sprintf("%s: %s", who, o.Reason)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
