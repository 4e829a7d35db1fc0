package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func dataCmd(a *app) *cobra.Command {
	verbs := append([]*cobra.Command{
		a.addContent(api.Data, "  infernet data add prompts.jsonl --json"),
		a.getContent(api.Data, "  infernet data get bafy… answers.jsonl"),
		a.listContent(api.Data, "  infernet data list"),
	}, a.keepVerbs(api.Data, "data")...)
	return group("data", "inputs and results by CID", verbs...)
}

// present makes a path absolute and refuses one where nothing is, before a
// node is started for it.
func present(path string) (string, error) {
	abs, err := absolute(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(abs); err != nil {
		return "", fmt.Errorf("cannot add: %w", err)
	}
	return abs, nil
}
