package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func jobReceiptsCmd(a *app) *cobra.Command {
	var dest string
	c := &cobra.Command{
		Use: "receipts ID", Short: "list a job's signed receipts, with all that checks them",
		Long: `List the signed receipts of a job that this node submitted, or worked on for others. With
--json, and in the files that --out writes, each comes with the documents that prove it: the
offer that promised how often results are checked, the provider's commit, the lottery's
secret that was disclosed at the end, and the payer's note of debt with the provider's
signature, which names what else it paid for. infernet receipt verify checks them without
asking anybody.`,
		Example: "  infernet job receipts ID --json | infernet receipt verify -\n  infernet job receipts ID --out receipts && infernet receipt verify receipts/*.json",
		Args:    args(1, 1, "one ID"),
		RunE: func(cmd *cobra.Command, given []string) error {
			dir, err := emptyFolder(dest)
			if err != nil {
				return err
			}
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			rs, err := c.Bundles(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			if dir != "" {
				if err := writeReceipts(dir, rs); err != nil {
					return err
				}
			}
			return a.emit(rs, func() {
				a.showReceipts(rs)
				if dir != "" {
					a.sayf("files written: %d; infernet receipt verify %s checks them", len(rs), filepath.Join(dest, "*.json"))
				}
			})
		},
	}
	c.Flags().StringVar(&dest, "out", "", "write a file for each into this folder, which must be empty or not exist")
	return c
}

// writeReceipts writes each receipt under its place in the job and its id, as
// the two sides of one attempt may both have issued one.
func writeReceipts(dir string, rs []api.Receipt) error {
	for _, r := range rs {
		name := fmt.Sprintf("%05d-%05d-%.8s.json", r.Shard, r.Attempt, filepath.Base(r.ID))
		if err := writeNew(filepath.Join(dir, name), append(r.Doc, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) showReceipts(rs []api.Receipt) {
	rows := make([][]string, 0, len(rs))
	for _, r := range rs {
		rows = append(rows, []string{
			shortID(r.ID), fmt.Sprintf("%d/%d", r.Shard, r.Attempt), short(r.Provider), human(r.Amount),
			foreign(r.Verdict), foreign(r.Label), unknownAs(r.Rate > 0, percentText(r.Rate)), foreign(r.Blame), foreign(r.Signed),
		})
	}
	a.table("ID SHARD PROVIDER PAID VERDICT LABEL CHANCE BLAME SIGNED", rows)
}
