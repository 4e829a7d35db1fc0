package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = ""

type versionInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Dirty   bool   `json:"dirty"` // built from changed files
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func versionCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print the version",
		Example: "  infernet version --json",
		Args:    args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			v := buildVersion()
			return a.emit(v, func() {
				a.printf("infernet %s %s/%s %s", v.Version, v.OS, v.Arch, v.Go)
			})
		},
	}
}

// buildVersion reads what the Go tool wrote into the program.
func buildVersion() versionInfo {
	v := versionInfo{Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Commit = s.Value
			case "vcs.modified":
				v.Dirty = s.Value == "true"
			}
		}
	}
	if v.Version == "" {
		v.Version = "0.0.0-dev"
		if len(v.Commit) >= 12 {
			v.Version += "+" + v.Commit[:12]
		}
	}
	return v
}
