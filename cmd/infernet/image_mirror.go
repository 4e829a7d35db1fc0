package main

import (
	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

// mirrorDoc is what image mirror --json prints.
type mirrorDoc struct {
	api.Mirror
	URL   string         `json:"url"`
	Setup []mirrorClient `json:"setup"`
}

// mirrorClient is how one program is told of the mirror.
type mirrorClient struct {
	Program string `json:"program"`
	Pull    string `json:"pull"`           // the command, with NAME for the image
	File    string `json:"file,omitempty"` // to write once, for pulls by another name than the mirror's
	Text    string `json:"text,omitempty"` // what goes into it
}

// mirrorImages tells how other programs pull from the network.
func (a *app) mirrorImages() *cobra.Command {
	return &cobra.Command{
		Use: "mirror", Short: "how ctr, docker and nerdctl pull images from the network",
		Long: `Print the address of this node's mirror of container images, and how ctr, docker and
nerdctl are told of it. The mirror answers programs of this machine as a registry does and
fetches from the network what it is asked for: NAME is NPUB/IMAGE:TAG of whoever published
it, IMAGE:TAG for images of this node, or either with @sha256:… . It is read-only, and runs
while the node does.`,
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
			doc := mirrorDoc{Mirror: m, URL: "http://" + m.Addr, Setup: mirrorSetup(m.Addr)}
			return a.emit(doc, func() { a.showMirror(doc) })
		},
	}
}

// mirrorSetup needs no settings for pulls by the mirror's own address: all of
// these programs speak plain HTTP to a loopback address, ctr when it is told to.
func mirrorSetup(addr string) []mirrorClient {
	hosts := "server = \"http://" + addr + "\"\n\n[host.\"http://" + addr + "\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
	return []mirrorClient{
		{Program: "ctr", Pull: "ctr image pull --plain-http " + addr + "/NAME"},
		{Program: "docker", Pull: "docker pull " + addr + "/NAME"},
		{Program: "nerdctl", Pull: "nerdctl pull " + addr + "/NAME"},
		{Program: "containerd", Pull: "ctr image pull --hosts-dir /etc/containerd/certs.d infernet.local/NAME",
			File: "/etc/containerd/certs.d/infernet.local/hosts.toml", Text: hosts},
	}
}

func (a *app) showMirror(d mirrorDoc) {
	a.printf("%s\n", d.URL)
	for _, c := range d.Setup {
		if c.File == "" {
			a.printf("%-8s %s", c.Program, c.Pull)
		}
	}
	for _, c := range d.Setup {
		if c.File != "" {
			a.printf("\nby a name of its own, for %s and what builds on it (Kubernetes), in %s:\n\n%s\nthen: %s", c.Program, c.File, c.Text, c.Pull)
		}
	}
	a.printf("\nNAME is NPUB/IMAGE:TAG, or IMAGE:TAG for images of this node (%s)", foreign(d.NPub))
}
