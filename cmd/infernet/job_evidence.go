package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func jobEvidenceCmd(a *app) *cobra.Command {
	var dest string
	c := &cobra.Command{
		Use: "evidence ID SHARD", Short: "show what was kept of a dispute about a shard",
		Long: `Show the evidence of a dispute: every signed document of the shard, and the CIDs of all
results that were compared. It is kept as content and its CID is in the signed verdict, so
that whoever has the CID can fetch it (infernet data get CID) and judge for themselves.
--out writes the very bytes that the CID stands for.`,
		Example: "  infernet job evidence ID 3\n  infernet job evidence ID 3 --out evidence.json",
		Args:    args(2, 2, "an ID and a SHARD"),
		RunE: func(cmd *cobra.Command, given []string) error {
			shard, err := strconv.ParseUint(given[1], 10, 31)
			if err != nil {
				return failf(exitUsage, "infernet job explain ID names the shards", "%.40q is no number of a shard", given[1])
			}
			out, err := a.destination(dest)
			if err != nil {
				return err
			}
			client, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			e, err := client.Evidence(cmd.Context(), given[0], int(shard))
			if err != nil {
				return err
			}
			if out != "" {
				if _, err := client.Get(cmd.Context(), api.Data, api.GetRequest{Ref: e.CID, Dest: out, Local: true}); err != nil {
					return err
				}
			}
			return a.emit(e, func() { a.showEvidence(e, out) })
		},
	}
	c.Flags().StringVar(&dest, "out", "", "write the evidence to this file, which must not exist")
	return c
}

func (a *app) showEvidence(e api.Evidence, out string) {
	a.printf("evidence %s (%s)", e.CID, bytesText(e.Size))
	a.printf("job      %s, shard %d", e.Job, e.Shard)
	a.printf("summary  %s", words(e.Summary))
	for _, npub := range e.Accused {
		a.printf("wrong    %s", foreign(npub))
	}
	if len(e.Accused) == 0 {
		a.printf("wrong    nobody is proven to be")
	}
	if len(e.Results) > 0 {
		a.printf("results  %s", words(strings.Join(e.Results, ", ")))
	}
	if out != "" {
		a.printf("written  %s", pathText(out))
	}
}
