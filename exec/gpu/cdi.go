package gpu

import (
	"encoding/json"
	"fmt"
	"strconv"

	"infernet.tech/infernet/exec"
)

// CDIKind is the kind of our CDI devices: "infernet.tech/gpu=0".
const CDIKind = "infernet.tech/gpu"

// cdiVersion is the oldest CDI that has all that is written here.
const cdiVersion = "0.6.0"

// The parts of a CDI specification that we use; hooks are none of them. See
// https://github.com/cncf-tags/container-device-interface, SPEC.md.
type (
	cdiSpec struct {
		Version string      `json:"cdiVersion"`
		Kind    string      `json:"kind"`
		Devices []cdiDevice `json:"devices"`
	}
	cdiDevice struct {
		Name  string   `json:"name"`
		Edits cdiEdits `json:"containerEdits"`
	}
	cdiEdits struct {
		Env    []string   `json:"env,omitempty"`
		Nodes  []cdiNode  `json:"deviceNodes,omitempty"`
		Mounts []cdiMount `json:"mounts,omitempty"`
	}
	cdiNode struct {
		Path        string `json:"path"`
		Type        string `json:"type"`
		Major       int64  `json:"major"`
		Minor       int64  `json:"minor"`
		FileMode    uint32 `json:"fileMode"`
		Permissions string `json:"permissions"`
	}
	cdiMount struct {
		Host      string   `json:"hostPath"`
		Container string   `json:"containerPath"`
		Options   []string `json:"options"`
	}
)

// CDI writes the same that Inject says as a CDI specification in JSON, for
// runtimes that read one (podman, containerd, docker). Each card is there by
// its ID and by its index, complete in itself; several may be asked for at
// once. Errors are those of Inject; ErrNoGPU without any card, since a
// specification must have one.
func (h Host) CDI(devs []Device) ([]byte, error) {
	if len(devs) == 0 {
		return nil, fmt.Errorf("%w: nothing to specify", ErrNoGPU)
	}
	spec := cdiSpec{Version: cdiVersion, Kind: CDIKind}
	libs := map[string][]exec.BindMount{}
	for _, d := range devs {
		in, err := h.edits(d, libs)
		if err != nil {
			return nil, err
		}
		e := cdiOf(in)
		spec.Devices = append(spec.Devices, cdiDevice{strconv.Itoa(d.Index), e}, cdiDevice{d.ID, e})
	}
	return json.MarshalIndent(spec, "", "  ")
}

func cdiOf(in exec.Injection) cdiEdits {
	e := cdiEdits{Env: in.Env}
	for _, n := range in.Devices {
		e.Nodes = append(e.Nodes, cdiNode{
			Path: n.Path, Type: "c", Major: n.Major, Minor: n.Minor,
			FileMode: uint32(n.Mode), Permissions: "rw",
		})
	}
	for _, m := range in.Mounts {
		e.Mounts = append(e.Mounts, cdiMount{
			Host: m.Source, Container: m.Destination,
			Options: []string{"ro", "nosuid", "nodev", "bind"},
		})
	}
	return e
}
