package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

func providerCmd(a *app) *cobra.Command {
	var q api.ProviderQuery
	list := &cobra.Command{
		Use: "list", Short: "list providers and what they offer",
		Example: "  infernet provider list\n  infernet provider list --key 'vram>=24' --quotes",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			found, err := c.Providers(cmd.Context(), q)
			if err != nil {
				return err
			}
			return a.emit(found, func() { a.showProviders(found) })
		},
	}
	f := list.Flags()
	f.StringArrayVar(&q.Keys, "key", nil, "only providers with this attribute, e.g. cpu, vram>=24 (repeatable)")
	f.BoolVar(&q.Quotes, "quotes", false, "ask each for a quote")
	f.IntVar(&q.Max, "max", 0, "look at no more than so many (0: the node's choice)")
	return group("provider", "who can be hired", list)
}

func (a *app) showProviders(found api.ProviderList) {
	rows := make([][]string, 0, len(found.Providers))
	for _, p := range found.Providers {
		price := "-"
		if len(p.Rates) > 0 {
			r := p.Rates[0]
			price = fmt.Sprintf("%d+%d/unit %s", r.Base, r.PerUnit, foreign(r.Unit))
		}
		rows = append(rows, []string{
			short(p.NPub), strconv.Itoa(p.Cores), bytesText(p.Memory), strconv.Itoa(len(p.GPUs)),
			strconv.Itoa(p.Slots), price, fmt.Sprintf("%.2f", p.Score), foreign(p.Class),
		})
	}
	a.table("NPUB CORES MEMORY GPUS SLOTS PRICE SCORE CLASS", rows)
	for _, d := range found.Dropped {
		a.sayf("left out %s: %s", short(d.NPub), words(d.Reason))
	}
	if len(rows) == 0 && len(found.Dropped) == 0 {
		a.sayf("nobody found: infernet status tells whether the network is joined")
	}
}
