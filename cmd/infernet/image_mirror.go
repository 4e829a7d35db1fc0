package main

import (
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

// mirrorDoc is what image mirror --json prints.
type mirrorDoc struct {
	api.Mirror
	URL   string         `json:"url"`
	Pull  []mirrorPull   `json:"pull"`
	Setup []mirrorConfig `json:"setup"`
}

// mirrorPull is how one program pulls without any setting.
type mirrorPull struct {
	Program string `json:"program"`
	Command string `json:"command"` // with NAME for the image
}

// mirrorConfig makes programs ask the mirror before the registry that a name
// is of.
type mirrorConfig struct {
	Programs string `json:"programs"`
	File     string `json:"file"`
	Text     string `json:"text"`
}

// mirrorImages tells how other programs pull from the network.
func (a *app) mirrorImages() *cobra.Command {
	return &cobra.Command{
		Use: "mirror", Short: "how ctr, docker and nerdctl pull images from the network",
		Long: `Print the address of this node's mirror of container images, and how ctr, docker and
nerdctl are told of it. The mirror answers programs of this machine as a registry does and
fetches from the network what it is asked for: NAME is NPUB/IMAGE:TAG of whoever published
it, IMAGE:TAG for images of this node, or either with @sha256:… for its tag. It is
read-only, and runs while the node does: infernet node --mirror HOST:PORT.`,
		Example: "  infernet image mirror\n  docker pull $(infernet image mirror --json | jq -r .addr)/npub1…/classify:1.2",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			m, err := c.Mirror(cmd.Context())
			if err != nil {
				return err
			}
			doc := newMirrorDoc(m)
			return a.emit(doc, func() { a.showMirror(doc) })
		},
	}
}

// newMirrorDoc tells the programs' settings. Docker speaks plain HTTP to a
// loopback address by itself, the others when they are told to.
func newMirrorDoc(m api.Mirror) mirrorDoc {
	url := "http://" + m.Addr
	return mirrorDoc{
		Mirror: m, URL: url,
		Pull: []mirrorPull{
			{"docker", "docker pull " + m.Addr + "/NAME"},
			{"nerdctl", "nerdctl --insecure-registry pull " + m.Addr + "/NAME"},
			{"ctr", "ctr image pull --plain-http " + m.Addr + "/NAME"},
		},
		Setup: []mirrorConfig{
			{"docker", "/etc/docker/daemon.json", "{\"registry-mirrors\": [\"" + url + "\"]}\n"},
			{"nerdctl, Kubernetes, ctr --hosts-dir /etc/containerd/certs.d", "/etc/containerd/certs.d/_default/hosts.toml",
				"[host.\"" + url + "\"]\n  capabilities = [\"pull\", \"resolve\"]\n"},
		},
	}
}

func (a *app) showMirror(d mirrorDoc) {
	a.printf("%s\n", d.URL)
	for _, p := range d.Pull {
		a.printf("%-8s %s", p.Program, p.Command)
	}
	a.printf("\nNAME is NPUB/IMAGE:TAG, or IMAGE:TAG for images of this node (%s).", foreign(d.NPub))
	a.printf("To have it asked before any other registry, so that NAME alone will do:")
	for _, c := range d.Setup {
		a.printf("\n%s: %s\n\n  %s", c.Programs, c.File, strings.ReplaceAll(strings.TrimSpace(c.Text), "\n", "\n  "))
	}
}
