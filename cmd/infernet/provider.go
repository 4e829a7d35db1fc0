package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"infernet.tech/infernet/node/api"
)

func providerCmd(a *app) *cobra.Command {
	var q api.ProviderQuery
	list := &cobra.Command{
		Use: "list", Short: "list providers and what they offer",
		Example: "  infernet provider list\n  infernet provider list --key 'vram>=24'\n  infernet provider list --min-reputation 0.5",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := a.look(cmd.Context(), q)
			if err != nil {
				return err
			}
			return a.emit(found, func() { a.showProviders(found) })
		},
	}
	f := list.Flags()
	f.StringArrayVar(&q.Keys, "key", nil, "only providers with this attribute, e.g. cpu, vram>=24 (repeatable)")
	f.IntVar(&q.Max, "max", 0, "look at no more than so many (0: the node's choice)")
	leastReputation(f, &q.MinReputation)
	return group("provider", "who can be hired", list, a.providerSearch())
}

// look asks the node who can be hired.
func (a *app) look(ctx context.Context, q api.ProviderQuery) (api.ProviderList, error) {
	if err := checkReputation(q.MinReputation); err != nil {
		return api.ProviderList{}, err
	}
	c, err := a.client(ctx)
	if err != nil {
		return api.ProviderList{}, err
	}
	return c.Providers(ctx, q)
}

// leastReputation adds the flag that leaves out strangers and worse.
func leastReputation(f *pflag.FlagSet, into *float64) {
	f.Float64Var(into, "min-reputation", 0, "only who has at least this score, 0 to 1; strangers have 0")
}

// providerSearch finds who answers prompts to a model now.
func (a *app) providerSearch() *cobra.Command {
	var q api.ProviderQuery
	var most string
	c := &cobra.Command{
		Use: "search", Short: "find who serves a model, at which price, how fast and how trusted",
		Long: `Find providers that keep a model ready, with the price and speed that each quotes now and
the score that you give it. Prices are per million tokens of the prompt (IN) and of
the answer (OUT). Speeds are what providers say they measured; SCORE is a lower bound from
your own experience and of those whom you paid, and 0 for strangers. Whoever executes a prompt can
read it, nobody else can.`,
		Example: "  infernet provider search --model demo\n  infernet provider search --model llama-3.2-1b --gpu 'vram>=24' --max-price 5000",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			q.Quotes = true
			for _, price := range []*string{&q.MaxPriceIn, &q.MaxPriceOut} {
				lowest, err := lower(*price, most)
				if err != nil {
					return err
				}
				*price = lowest
			}
			found, err := a.look(cmd.Context(), q)
			if err != nil {
				return err
			}
			return a.emit(found, func() { a.showServing(found) })
		},
	}
	f := c.Flags()
	f.StringVarP(&q.Model, "model", "m", "", "only who serves this model: a name or a CID (default: any)")
	f.StringVar(&q.GPU, "gpu", "", "only with such graphics cards, e.g. 'vram>=24' (GB), name~h100, count>=2")
	mostPrice(f, &most, "max-price", "most per million tokens, of prompt and answer alike, "+payUnit)
	mostPrice(f, &q.MaxPriceIn, "max-price-in", "most per million tokens of the prompt, "+payUnit)
	mostPrice(f, &q.MaxPriceOut, "max-price-out", "most per million tokens of the answer, "+payUnit)
	f.IntVar(&q.Max, "max", 0, "look at no more than so many providers (0: the node's choice)")
	leastReputation(f, &q.MinReputation)
	return c
}

// lower is the smaller of two prices, where "" is none.
func lower(a, b string) (string, error) {
	if a == "" || b == "" {
		return a + b, nil
	}
	x, err := priceOf("max-price-in", a)
	if err != nil {
		return "", err
	}
	y, err := priceOf("max-price", b)
	if err != nil {
		return "", err
	}
	c, err := x.Cmp(y)
	switch {
	case err != nil:
		return "", usagef("%s and %s are limits in two units", x.Human(), y.Human())
	case c < 0:
		return a, nil
	}
	return b, nil
}

func (a *app) showServing(found api.ProviderList) {
	var rows [][]string
	for _, p := range found.Providers {
		for _, m := range p.Serves {
			rows = append(rows, []string{
				short(p.NPub), foreign(m.Name), inUnit(m.In, m.Unit), inUnit(m.Out, m.Unit),
				unknownAs(m.TPS > 0, fmt.Sprintf("%.0f", m.TPS)), unknownAs(m.TTFTMS > 0, strconv.FormatUint(m.TTFTMS, 10)),
				strconv.Itoa(m.Context), unknownAs(m.Queue >= 0, strconv.Itoa(m.Queue)), gpuText(p.GPUs), fmt.Sprintf("%.2f", p.Score),
			})
		}
	}
	a.table("NPUB MODEL IN OUT TOKENS/S FIRST_MS CONTEXT QUEUE GPUS SCORE", rows)
	for _, d := range found.Dropped {
		a.sayf("left out %s: %s", short(d.NPub), words(d.Reason))
	}
	if len(rows) == 0 && len(found.Dropped) == 0 {
		a.sayf("nobody found: a provider serves a model with infernet node --serve; infernet status tells whether the network is joined")
	}
}

// unknownAs is text, or a dash where there is nothing to tell.
func unknownAs(known bool, text string) string {
	if !known {
		return "-"
	}
	return text
}

func gpuText(gpus []api.GPU) string {
	if len(gpus) == 0 {
		return "-"
	}
	return fmt.Sprintf("%dx %s %s", len(gpus), foreign(gpus[0].Name), bytesText(gpus[0].VRAM))
}

func (a *app) showProviders(found api.ProviderList) {
	rows := make([][]string, 0, len(found.Providers))
	for _, p := range found.Providers {
		var prices []string
		for _, r := range p.Rates {
			price := inUnit(r.PerUnit, r.Unit)
			if r.Base > 0 {
				price = inUnit(r.Base, r.Unit) + " + " + price
			}
			if !slices.Contains(prices, price) {
				prices = append(prices, price)
			}
		}
		price := "-"
		if len(prices) > 0 {
			price = strings.Join(prices, ", ")
		}
		rows = append(rows, []string{
			short(p.NPub), strconv.Itoa(p.Cores), bytesText(p.Memory), strconv.Itoa(len(p.GPUs)),
			strconv.Itoa(p.Slots), price, fmt.Sprintf("%.2f", p.Score), short(p.Operator), foreign(p.Class),
		})
	}
	a.table("NPUB CORES MEMORY GPUS SLOTS PRICE/UNIT SCORE OPERATOR CLASS", rows)
	for _, d := range found.Dropped {
		a.sayf("left out %s: %s", short(d.NPub), words(d.Reason))
	}
	if len(rows) == 0 && len(found.Dropped) == 0 {
		a.sayf("nobody found: infernet status tells whether the network is joined")
	}
}
