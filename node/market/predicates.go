package market

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"infernet.tech/infernet/payments"
)

// Names of the predicates, in the order they are tried. What cannot be changed
// comes first: of two reasons the first is the one worth telling.
const (
	Excluded   = "excluded"
	NoOffer    = "offer"
	Network    = "network"
	Version    = "version"
	Role       = "role"
	Isolation  = "isolation"
	OS         = "os"
	Arch       = "arch"
	CPU        = "cpu"
	Memory     = "memory"
	Disk       = "disk"
	GPU        = "gpu"
	VRAM       = "vram"
	RailName   = "rail"
	NoQuote    = "quote"
	Unit       = "unit"
	Class      = "class"
	Price      = "price"
	Slots      = "slots"
	Credit     = "credit"
	ETA        = "eta"
	Reputation = "reputation"
	Expired    = "expired"
)

type predicate struct {
	name string
	fail func(Need, Candidate, Policy) *Dropped // nil: holds
}

// predicates in their order. Those before NoOffer may not look at the offer,
// those before NoQuote not at the quote.
func predicates() []predicate {
	return []predicate{
		{Excluded, excluded}, {NoOffer, noOffer}, {Network, network}, {Version, version},
		{Role, role}, {Isolation, isolation}, {OS, system}, {Arch, arch},
		{CPU, cpu}, {Memory, memory}, {Disk, disk}, {GPU, gpu}, {VRAM, vram},
		{RailName, rail}, {NoQuote, noQuote}, {Unit, unit}, {Class, class},
		{Price, price}, {Slots, slots}, {Credit, credit}, {ETA, eta},
		{Reputation, reputation}, {Expired, expired},
	}
}

// Predicates lists the names in their order.
func Predicates() []string {
	var names []string
	for _, p := range predicates() {
		names = append(names, p.name)
	}
	return names
}

func firstFailed(need Need, c Candidate, policy Policy) *Dropped {
	for _, p := range predicates() {
		if d := p.fail(need, c, policy); d != nil {
			d.Predicate = p.name
			return d
		}
	}
	return nil
}

func miss(have, want, hint string) *Dropped { return &Dropped{Have: have, Want: want, Hint: hint} }

// quoted makes a stranger's word safe to print.
func quoted(s string) string { return fmt.Sprintf("%.80q", s) }

func quotedAll(words []string) string {
	const most = 8
	var out []string
	for _, w := range words[:min(len(words), most)] {
		out = append(out, quoted(w))
	}
	if len(words) > most {
		out = append(out, "…")
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

func excluded(_ Need, c Candidate, p Policy) *Dropped {
	if why, ok := p.Exclude[c.Provider]; ok {
		return miss(why, "", "it stays out of this job")
	}
	return nil
}

func noOffer(_ Need, c Candidate, _ Policy) *Dropped {
	if c.Offer != nil {
		return nil
	}
	return miss(quoted(c.Refused), "a signed offer", "it must be reachable: see infernet doctor there")
}

func network(n Need, c Candidate, _ Policy) *Dropped {
	if n.Network == "" || c.Offer.Network == n.Network {
		return nil
	}
	return miss(quoted(c.Offer.Network), n.Network, "join the same network")
}

func version(n Need, c Candidate, _ Policy) *Dropped {
	if n.Version == "" || !older(c.Offer.Version, n.Version) {
		return nil
	}
	return miss(quoted(c.Offer.Version), n.Version+" or newer", "upgrade the provider")
}

// older compares dotted numbers, "v1.2.3"; what is no number counts as 0.
func older(a, b string) bool {
	x, y := numbers(a), numbers(b)
	for i := range x {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return false
}

func numbers(s string) (out [3]int) {
	for i, part := range strings.SplitN(strings.TrimPrefix(s, "v"), ".", 3) {
		part, _, _ = strings.Cut(part, "-")
		out[i], _ = strconv.Atoi(part)
	}
	return out
}

func role(n Need, c Candidate, _ Policy) *Dropped {
	want := n.Role
	if want == "" {
		want = "provider"
	}
	if slices.Contains(c.Offer.Roles, want) {
		return nil
	}
	return miss(quotedAll(c.Offer.Roles), want, "start that node with the role "+want)
}

func isolation(n Need, c Candidate, _ Policy) *Dropped {
	if len(n.Isolation) == 0 || slices.ContainsFunc(n.Isolation, func(t string) bool { return slices.Contains(c.Offer.Isolation, t) }) {
		return nil
	}
	return miss(quotedAll(c.Offer.Isolation), strings.Join(n.Isolation, " or "), "allow another isolation tier")
}

func system(n Need, c Candidate, _ Policy) *Dropped {
	if n.OS == "" || c.Offer.Hardware.OS == n.OS {
		return nil
	}
	return miss(quoted(c.Offer.Hardware.OS), n.OS, "build the image for it")
}

func arch(n Need, c Candidate, _ Policy) *Dropped {
	if n.Arch == "" || c.Offer.Hardware.Arch == n.Arch {
		return nil
	}
	return miss(quoted(c.Offer.Hardware.Arch), n.Arch, "build the image for it")
}

func cpu(n Need, c Candidate, _ Policy) *Dropped {
	if have := uint64(c.Offer.Hardware.Cores) * 1000; have < n.CPUMillis {
		return miss(millis(have), millis(n.CPUMillis), "set resources.cpu to "+millis(have))
	}
	return nil
}

func millis(m uint64) string { return strconv.FormatFloat(float64(m)/1000, 'f', -1, 64) }

func memory(n Need, c Candidate, _ Policy) *Dropped {
	return atLeast(c.Offer.Hardware.MemoryBytes, n.MemoryBytes, "resources.memory")
}

func disk(n Need, c Candidate, _ Policy) *Dropped {
	return atLeast(c.Offer.Hardware.DiskBytes, n.DiskBytes, "resources.disk")
}

// atLeast compares sizes; the hint is the largest whole MiB that is there.
func atLeast(have, want uint64, key string) *Dropped {
	if have >= want {
		return nil
	}
	return miss(mebi(have), mebi(want), "set "+key+" to "+mebi(have))
}

func mebi(b uint64) string { return strconv.FormatUint(b>>20, 10) + "MiB" }

func gpu(n Need, c Candidate, _ Policy) *Dropped {
	if have := uint32(len(c.Offer.Hardware.GPUs)); have < n.GPUs {
		return miss(fmt.Sprint(have), fmt.Sprint(n.GPUs), fmt.Sprintf("set resources.gpu to %d", have))
	}
	return nil
}

// vram wants as many GPUs of that size as are needed, not merely one.
func vram(n Need, c Candidate, _ Policy) *Dropped {
	if n.VRAMBytes == 0 || n.GPUs == 0 {
		return nil
	}
	var sizes []uint64
	for _, g := range c.Offer.Hardware.GPUs {
		sizes = append(sizes, g.VRAMBytes)
	}
	slices.Sort(sizes)
	slices.Reverse(sizes)
	return atLeast(sizes[n.GPUs-1], n.VRAMBytes, "resources.vram")
}

func rail(n Need, c Candidate, _ Policy) *Dropped {
	if n.Rail == "" || slices.Contains(c.Offer.Rails, n.Rail) {
		return nil
	}
	return miss(quotedAll(c.Offer.Rails), n.Rail, "set payment.rail to one it takes")
}

func noQuote(n Need, c Candidate, _ Policy) *Dropped {
	if c.Quote == nil {
		d := miss(quoted(c.Refused), "a quote", "it declined or did not answer in time; it is asked again")
		d.Busy = c.Busy
		return d
	}
	if n.Rail != "" && c.Quote.Rail != n.Rail {
		return miss(quoted(c.Quote.Rail), n.Rail, "it quoted for another rail")
	}
	return nil
}

func unit(n Need, c Candidate, _ Policy) *Dropped {
	if payments.Unit(c.Quote.Unit) == n.Unit {
		return nil
	}
	return miss(quoted(c.Quote.Unit), string(n.Unit), "pay in the unit it takes")
}

func class(n Need, c Candidate, _ Policy) *Dropped {
	if n.Class == "" || c.Quote.Class == n.Class {
		return nil
	}
	return miss(quoted(c.Quote.Class), n.Class, "results are comparable only within one hardware class")
}

func price(n Need, c Candidate, _ Policy) *Dropped {
	most := payments.Amount{Value: n.MaxPrice, Unit: n.Unit}.Human()
	have, err := priceOf(n, c)
	if err != nil {
		return miss("a price that cannot be counted", most, "no change helps")
	}
	if have.Value <= n.MaxPrice {
		return nil
	}
	d := miss(have.Human(), "at most "+most, fmt.Sprintf("raise payment.max so that %s can be paid for a shard", have.Human()))
	d.Rate = rateOf(c)
	return d
}

func slots(n Need, c Candidate, _ Policy) *Dropped {
	want := max(n.Slots, 1)
	if c.Quote.Slots >= want {
		return nil
	}
	return miss(fmt.Sprint(c.Quote.Slots), fmt.Sprint(want), "wait until it is free")
}

// credit asks whether the provider still trusts this node for one shard.
func credit(n Need, c Candidate, _ Policy) *Dropped {
	have, err := priceOf(n, c)
	if n.Rail != "credit" || (err == nil && c.Quote.CreditLeft >= have.Value) {
		return nil
	}
	return miss(fmt.Sprintf("%d %s", c.Quote.CreditLeft, n.Unit), have.String(),
		"settle what it is owed, or ask it for a higher limit")
}

func eta(n Need, c Candidate, _ Policy) *Dropped {
	have := time.Duration(min(c.Quote.ETAMS, 1<<40)) * time.Millisecond
	if n.MaxETA == 0 || have <= n.MaxETA {
		return nil
	}
	return miss(have.String(), "at most "+n.MaxETA.String(), "raise timeouts.job")
}

// reputation: what the job asks for holds for everybody, the node's own floor
// only for those it knows.
func reputation(n Need, c Candidate, p Policy) *Dropped {
	if score := c.known(); n.MinReputation > 0 && score < n.MinReputation {
		return miss(fmt.Sprintf("%.2f", score), fmt.Sprintf("at least %.2f", n.MinReputation),
			fmt.Sprintf("ask for a reputation of %.2f, or let it earn more with small jobs", math.Floor(score*100)/100))
	}
	if c.New || c.Score >= p.ScoreFloor {
		return nil
	}
	return miss(fmt.Sprintf("%.2f", c.Score), fmt.Sprintf("at least %.2f", p.ScoreFloor), "lower the floor in the node's settings")
}

// known is the score that rests on a history: without one, or where it is no
// number, it is 0.
func (c Candidate) known() float64 {
	if c.New || math.IsNaN(c.Score) {
		return 0
	}
	return c.Score
}

func expired(_ Need, c Candidate, p Policy) *Dropped {
	if p.Now.Add(p.QuoteMargin).Before(time.Unix(c.Quote.Expires, 0)) {
		return nil
	}
	return miss(time.Unix(c.Quote.Expires, 0).UTC().Format(time.RFC3339), "a quote still valid", "it is asked again")
}
