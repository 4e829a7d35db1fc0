package main

import (
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func statusCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "show how the node of this home is",
		Long:    "Show the node's identity, network and peers, and each of its parts with its state,\nsince when, and its last error. Starts no node.",
		Example: "  infernet status\n  infernet status --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := api.Dial(a.home)
			if err != nil {
				return err
			}
			s, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			return a.emit(s, func() { a.showStatus(s) })
		},
	}
}

func (a *app) showStatus(s api.Status) {
	ready := "ready"
	if !s.Ready {
		ready = "not ready yet"
	}
	a.printf("%s (%s)", s.NPub, ready)
	a.printf("network  %s, roles %s, %d peers", s.Network, strings.Join(s.Roles, ","), s.Peers)
	a.printf("home     %s, pid %d, version %s, up %s", s.Home, s.PID, s.Version, ago(s.StartedAt))
	for _, addr := range s.Addrs {
		a.printf("address  %s", addr)
	}
	a.printf("")
	var rows [][]string
	for _, sub := range s.Subsystems {
		rows = subsystemRows(rows, "", sub)
	}
	a.table("PART STATE SINCE DETAIL", rows)
}

func subsystemRows(rows [][]string, indent string, s api.Subsystem) [][]string {
	detail := words(s.Detail)
	if s.LastError != "" {
		detail = strings.TrimSpace(detail + " last error: " + words(s.LastError))
	}
	rows = append(rows, []string{indent + s.Name, s.State, ago(s.Since), detail})
	for _, c := range s.Children {
		rows = subsystemRows(rows, indent+"  ", c)
	}
	return rows
}
