package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
)

// listData lists everything that is in the store.
func (a *app) listData() *cobra.Command {
	everything := false
	c := &cobra.Command{
		Use: "list", Short: "list everything in this node's store",
		Long: `List everything in this node's store, with what it is, its names, whether it is pinned
(stays when room is made), shared (anyone may fetch it from this node) and in place (the
bytes are your own file, not a copy), and when it was last used. What is in folders that are
here is left out, unless it has a name, is pinned or shared by itself; --all lists it too.`,
		Example: "  infernet data list\n  infernet data list --json | jq -r '.[] | select(.pinned | not) | .cid'",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			all, err := c.List(cmd.Context(), api.Data)
			if err != nil {
				return err
			}
			if !everything {
				all = slices.DeleteFunc(all, onlyInside)
			}
			return a.emit(all, func() { a.showData(all) })
		},
	}
	c.Flags().BoolVar(&everything, "all", false, "what is in folders too")
	return c
}

// onlyInside says whether a thing is here only as a part of a folder.
func onlyInside(x api.Content) bool {
	return x.Inside && !x.Pinned && !x.Shared && x.Name == ""
}

func (a *app) showData(all []api.Content) {
	rows, total := make([][]string, 0, len(all)), uint64(0)
	for _, x := range all {
		total += x.Size
		rows = append(rows, []string{
			x.CID, bytesText(x.Size), kindText(x.Kind), namesText(x),
			yesNo(x.Pinned), yesNo(x.Shared), yesNo(x.InPlace), usedText(x.UsedAt),
		})
	}
	a.table("CID SIZE KIND NAME PINNED SHARED IN_PLACE USED", rows)
	a.sayf("%s, %s", countOf(len(all), "thing"), bytesText(total))
}

// namesText is what a thing is called: a stranger's words where it was fetched.
func namesText(x api.Content) string {
	if len(x.Names) == 0 {
		return nameText(x.Name)
	}
	return listText(x.Names)
}

// listText is a list of strangers' words; a long one is cut.
func listText(list []string) string {
	const most = 4
	if len(list) == 0 {
		return "-"
	}
	var out []string
	for i, s := range list {
		if i == most {
			out = append(out, fmt.Sprintf("+%d", len(list)-most))
			break
		}
		out = append(out, nameText(s))
	}
	return strings.Join(out, ",")
}

// usedText is how long ago something was used, in its largest unit.
func usedText(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	d := time.Since(*t)
	switch {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// countOf is "1 thing", "2 things".
func countOf(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// traffic tells who was served and who served.
func (a *app) traffic() *cobra.Command {
	return &cobra.Command{
		Use: "traffic", Short: "what was served to others and fetched from them",
		Long: `What this node has served to each peer and fetched from it, ever: bytes, what the peer
still has to pay for, and what was earned and paid. What goes to the partners of a job is
free; for others the operator sets a price (infernet node --content-price), a rate and a
daily cap. Only bytes that were verified count as fetched, and only they are paid for.`,
		Example: "  infernet data traffic --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			r, err := c.Traffic(cmd.Context())
			if err != nil {
				return err
			}
			return a.emit(r, func() { a.showTraffic(r) })
		},
	}
}

func (a *app) showTraffic(r api.TrafficReport) {
	rows := make([][]string, 0, len(r.Peers))
	var served, fetched uint64
	for _, p := range r.Peers {
		served, fetched = served+p.Served, fetched+p.Fetched
		rows = append(rows, []string{
			short(p.NPub), bytesText(p.Served), bytesText(p.Fetched), bytesText(p.Unpaid), human(p.Earned), human(p.Paid),
		})
	}
	a.table("PEER SERVED FETCHED UNPAID EARNED PAID", rows)
	a.sayf("served %s, fetched %s", bytesText(served), bytesText(fetched))
	a.sayf("upload: %s", uploadText(r.Upload))
}

// uploadText tells the limits that the operator set.
func uploadText(u api.UploadLimits) string {
	var out []string
	for _, l := range []struct {
		n    uint64
		text string
	}{{u.Rate, "/s to all"}, {u.PeerRate, "/s to each peer"}, {u.Cap, " a day to peers outside jobs"}} {
		if l.n > 0 {
			out = append(out, bytesText(l.n)+l.text)
		}
	}
	if len(out) == 0 {
		out = append(out, "unlimited")
	}
	price := "free"
	if u.Price > 0 {
		price = fmt.Sprintf("%d credits per GiB to peers outside jobs", u.Price)
	}
	return strings.Join(append(out, price), ", ")
}
