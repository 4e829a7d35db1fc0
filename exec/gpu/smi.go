package gpu

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// smiFields are asked of nvidia-smi in this order. The name comes last: it
// alone might hold a comma.
const (
	smiFields = "pci.bus_id,uuid,driver_version,memory.total,memory.used,utilization.gpu,temperature.gpu,display_active,compute_cap,mig.mode.current,name"
	// smiOldFields are those that drivers before 510 know.
	smiOldFields = "pci.bus_id,uuid,driver_version,memory.total,memory.used,utilization.gpu,temperature.gpu,display_active,name"
	smiFormat    = "--format=csv,noheader,nounits"
)

// smiRow is what nvidia-smi says of one card.
type smiRow struct {
	pci, uuid, name, driver, compute string
	total, used                      uint64
	load, temp                       int
	display, mig                     bool
	fault                            string
}

var smiCompute = regexp.MustCompile(`^[0-9]{1,2}\.[0-9]$`)

// querySMI returns a row a card. The rows hold also where there is an error:
// nvidia-smi fails for all when one card is lost.
func (h Host) querySMI(ctx context.Context) ([]smiRow, error) {
	raw, err := h.run(ctx, "nvidia-smi", "--query-gpu="+smiFields, smiFormat)
	want := smiFields
	if err != nil && strings.Contains(string(raw), "not a valid field") {
		want = smiOldFields
		raw, err = h.run(ctx, "nvidia-smi", "--query-gpu="+smiOldFields, smiFormat)
	}
	var rows []smiRow
	other := ""
	for line := range strings.Lines(string(raw)) {
		if len(rows) >= maxCards {
			break
		}
		if r, ok := parseSMI(line, want); ok {
			rows = append(rows, r)
		} else if t := clean(line, maxReason/2); t != "" && other == "" {
			other = t
		}
	}
	switch {
	case err != nil && other != "":
		err = fmt.Errorf("%w: %s", err, other)
	case err == nil && other != "" && other != "No devices were found":
		err = fmt.Errorf("nvidia-smi: %s", other)
	}
	return rows, err
}

// parseSMI reads one line of the answer.
func parseSMI(line, fields string) (smiRow, bool) {
	names := strings.Split(fields, ",")
	vals := strings.SplitN(line, ",", len(names))
	if len(line) > maxAttr || len(vals) != len(names) {
		return smiRow{}, false
	}
	r := smiRow{load: -1, temp: -1}
	for i, name := range names {
		v := strings.TrimSpace(vals[i])
		if strings.Contains(v, "requires reset") || strings.Contains(v, "is lost") {
			r.fault = "nvidia-smi says: " + clean(v, maxName)
		}
		r.set(name, v)
	}
	return r, r.pci != ""
}

// set takes one value. What is not known is written "[N/A]", "[Not
// Supported]" or "ERR!", and is none of the forms wanted here.
func (r *smiRow) set(field, v string) {
	switch field {
	case "pci.bus_id":
		r.pci = pciName(v)
	case "uuid":
		if nvUUID.MatchString(v) {
			r.uuid = v
		}
	case "name":
		if !strings.HasPrefix(v, "[") {
			r.name = clean(v, maxName)
		}
	case "driver_version":
		r.driver = nvVersion.FindString(clean(v, maxName))
	case "memory.total":
		r.total = mebibytes(v)
	case "memory.used":
		r.used = mebibytes(v)
	case "utilization.gpu":
		r.load = small(v, 100)
	case "temperature.gpu":
		r.temp = small(v, 999)
	case "compute_cap":
		if smiCompute.MatchString(v) {
			r.compute = v
		}
	case "mig.mode.current":
		r.mig = v == "Enabled"
	case "display_active":
		r.display = v == "Enabled"
	}
}

func mebibytes(v string) uint64 {
	n, err := strconv.ParseUint(v, 10, 30)
	if err != nil {
		return 0
	}
	return n << 20
}

func small(v string, limit uint64) int {
	n, err := strconv.ParseUint(v, 10, 16)
	if err != nil || n > limit {
		return -1
	}
	return int(n)
}
