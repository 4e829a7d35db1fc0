package node

import (
	"fmt"
	"os"
	"strings"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/node/content"
)

// builtin is what comes with the program: the default engine's image and the
// demonstration model.
type builtin struct{}

var _ content.Builtin = builtin{}

// Image implements content.Builtin.
func (builtin) Image(name, dir string) (string, error) {
	if name != engine.ImageName {
		return "", content.ErrNoName
	}
	img, err := engine.BuildImage(dir)
	return img.Digest, err
}

// Model implements content.Builtin.
func (builtin) Model(name string) ([]byte, error) {
	if name != engine.DemoModelName {
		return nil, content.ErrNoName
	}
	return engine.DemoModel(), nil
}

// Stamp implements content.Builtin: the engine's image changes with the engine's
// programs, the demonstration model never.
func (builtin) Stamp(kind content.Kind, name string) (string, error) {
	switch {
	case kind == content.Model && name == engine.DemoModelName:
		return engine.DemoModelSHA256, nil
	case kind == content.Image && name == engine.ImageName:
		return engineStamp()
	}
	return "", content.ErrNoName
}

// engineStamp names each program, so that one which comes or goes counts too.
func engineStamp() (string, error) {
	paths, err := engine.Programs()
	if err != nil {
		return "", err
	}
	stamps := make([]string, len(paths))
	for i, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		stamps[i] = fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano())
	}
	return strings.Join(stamps, ", "), nil
}

// Names implements content.Builtin.
func (builtin) Names(kind content.Kind) []string {
	switch kind {
	case content.Model:
		return []string{engine.DemoModelName}
	case content.Image:
		return []string{engine.ImageName}
	}
	return nil
}
