package main

import (
	"gopkg.in/yaml.v3"

	"infernet.tech/infernet/payments"
)

// prices are a price in one or more units. In config.yaml one stands by itself
// and several in a list.
type prices []string

// UnmarshalYAML reads one price or a list of them.
func (p *prices) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*p = prices{n.Value}
		return nil
	}
	return n.Decode((*[]string)(p))
}

// amounts reads the prices: digits alone are credits. The credits are told
// apart, nil where there are none; no unit stands twice.
func (p prices) amounts(flag string) (credits *uint64, money []payments.Amount, err error) {
	seen := map[payments.Unit]bool{}
	for _, text := range p {
		a, err := priceOf(flag, text)
		if err != nil {
			return nil, nil, err
		}
		if seen[a.Unit] {
			return nil, nil, failf(exitUsage, "", "%s: two prices in %s", flag, a.Unit)
		}
		seen[a.Unit] = true
		if a.Unit == payments.Credits {
			credits = &a.Value
			continue
		}
		money = append(money, a)
	}
	return credits, money, nil
}

func priceOf(flag, text string) (payments.Amount, error) {
	for _, unit := range []string{"", " " + string(payments.Credits)} {
		a, err := payments.ParseHuman(text + unit)
		if err != nil {
			continue
		}
		switch a.Unit {
		case payments.Credits, payments.MilliSat, payments.MicroUSDC:
			return a, nil
		}
	}
	return payments.Amount{}, failf(exitUsage, "write 2 for credits, or '500 msat', or '0.0001 USDC'", "%s: %.40q is no price", flag, text)
}

// payUnit says in flags what a price is counted in.
const payUnit = "in the smallest unit of what the node pays with (--pay): credits, msat, uusdc"
