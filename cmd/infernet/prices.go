package main

import (
	"fmt"

	"github.com/spf13/pflag"
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
	a, err := payments.ParsePrice(text)
	if err != nil {
		return a, failf(exitUsage, "write 2 for credits, or '0.5 sat', or '0.0001 USDC'; "+places, "%s: %.40q is no price", flag, text)
	}
	return a, nil
}

// places are how finely money is counted.
const places = "a sat has 3 decimal places, a USDC 6, a credit none"

// priceFlag is the most to pay, in the unit that is paid in; "" for none.
type priceFlag struct{ to *string }

func (p priceFlag) String() string { return "" }
func (p priceFlag) Type() string   { return "price" }

// Set implements pflag.Value.
func (p priceFlag) Set(text string) error {
	if _, err := payments.ParsePrice(text); err != nil {
		return fmt.Errorf("%.40q is no price: write 2 for credits, or '0.5 sat', or '0.0001 USDC'; %s", text, places)
	}
	*p.to = text
	return nil
}

// creditsFlag is a sum of what is paid in credits alone.
type creditsFlag struct{ to *uint64 }

func (c creditsFlag) String() string { return "" }
func (c creditsFlag) Type() string   { return "credits" }

// Set implements pflag.Value.
func (c creditsFlag) Set(text string) error {
	a, err := payments.ParsePrice(text)
	switch {
	case err != nil:
		return fmt.Errorf("%.40q is no number of credits: write 5, or '5 credits'", text)
	case a.Unit != payments.Credits:
		return fmt.Errorf("%s: content is paid in credits alone", a.Human())
	}
	*c.to = a.Value
	return nil
}

// mostPrice adds a flag for the most to pay.
func mostPrice(f *pflag.FlagSet, to *string, name, usage string) {
	f.Var(priceFlag{to}, name, usage)
}

// payUnit says in flags how a price is written.
const payUnit = "in what the node pays with (--pay): 900 (credits), '0.5 sat', '0.0002 USDC'"
