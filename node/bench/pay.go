package bench

import (
	"context"
	"fmt"
	"os"

	"infernet.tech/infernet/payments/polygon/contract"
)

// PayConfig says how much of paying is measured.
type PayConfig struct {
	Payments   int          // shards paid for, each way and round
	Channels   int          // payees of the one payer, paid at the same time
	Together   int          // payments to one payee at the same time, in the ways in company
	Signatures int          // of each kind and round
	Entries    int          // of the journal that is reconciled; 0 leaves it out
	Rounds     int          // of each measurement
	Dir        string       // where the stores on disk are made; empty: the system's folder for such
	Report     func(string) // told what happens, a line each; may be nil
}

// DefaultPay is what the verb measures.
func DefaultPay() PayConfig {
	return PayConfig{Payments: 1000, Channels: 16, Together: 64, Signatures: 500, Entries: 100_000, Rounds: 5}
}

// Validate tells the first number that makes no sense. Error: ErrConfig.
func (c PayConfig) Validate() error {
	for _, n := range []struct {
		what       string
		have, most int
	}{
		{"payments", c.Payments, 1_000_000}, {"channels", c.Channels, 1000}, {"payments together", c.Together, 1000}, {"signatures", c.Signatures, 1_000_000},
		{"rounds", c.Rounds, 1000},
	} {
		if n.have < 1 || n.have > n.most {
			return fmt.Errorf("%w: %d %s, 1 to %d are possible", ErrConfig, n.have, n.what, n.most)
		}
	}
	if c.Entries != 0 && (c.Entries < 100 || c.Entries > 10_000_000) {
		return fmt.Errorf("%w: %d entries, 100 to 10000000 are possible", ErrConfig, c.Entries)
	}
	return nil
}

// Pay is what was measured.
type Pay struct {
	Machine    Machine        `json:"machine"`
	Signatures []PaySignature `json:"signatures"`
	Ways       []PayWay       `json:"ways"`
	Books      *PayBooks      `json:"books,omitempty"`
	// Gas was measured when the contract was committed; the node has no EVM to
	// measure it with. The command of Elsewhere does, and fails where it differs.
	Gas       []contract.GasRow `json:"gas"`
	Elsewhere []PayElsewhere    `json:"elsewhere"`
}

// PaySignature is the processor time of making or checking one signature, in
// microseconds.
type PaySignature struct {
	Name string `json:"name"`
	What string `json:"what"`
	Took Series `json:"us"`
}

// PayWay is one way of settling, with both sides on this machine. A payment is
// entered on both sides, in a store each.
type PayWay struct {
	Name     string `json:"name"`
	What     string `json:"what"`
	Store    string `json:"store"` // memory, or disk: synced before it is answered for
	Channels int    `json:"channels"`
	Together int    `json:"together"` // payments to one payee at the same time
	// PerSecond is how many of them one core does in a second, both sides together.
	PerSecond Series `json:"per_second_of_a_core"`
	// SignaturesAlone is what a core would do if making and checking the signatures
	// that both sides owe each other were all there is, measured in the same rounds.
	SignaturesAlone Series  `json:"signatures_alone_per_second"`
	Ratio           Series  `json:"ratio"` // of the two, by round
	Wall            Series  `json:"per_second_of_the_clock"`
	Aim             float64 `json:"aim_per_second"`
	// Bytes is what one payment leaves in one side's store: keys and values, the
	// entry with both signed documents, its places in the indexes, its part of sums.
	Bytes float64 `json:"bytes_per_payment_and_side,omitempty"`
}

// Met tells whether the aim was reached.
func (w PayWay) Met() bool { return w.PerSecond.Median >= w.Aim }

// PayElsewhere is what this program cannot measure, and what does.
type PayElsewhere struct {
	What    string `json:"what"`
	Command string `json:"command"`
}

// RunPay measures. Errors: ErrConfig, ErrJob, those of the store and ctx's.
func RunPay(ctx context.Context, cfg PayConfig) (out Pay, err error) {
	if err := cfg.Validate(); err != nil {
		return Pay{}, err
	}
	if cfg.Report == nil {
		cfg.Report = func(string) {}
	}
	dir, err := os.MkdirTemp(cfg.Dir, "infernet-bench-pay-")
	if err != nil {
		return Pay{}, err
	}
	defer func() {
		if rerr := os.RemoveAll(dir); err == nil {
			err = rerr
		}
	}()
	out = Pay{Machine: thisMachine(), Gas: contract.Gas(), Elsewhere: payElsewhere()}
	if out.Signatures, out.Ways, err = payWays(ctx, cfg, dir); err != nil {
		return out, err
	}
	if cfg.Entries > 0 {
		cfg.Report(fmt.Sprintf("books: %d entries on disk", cfg.Entries))
		books, err := payBooks(ctx, cfg, dir)
		if err != nil {
			return out, err
		}
		out.Books = &books
	}
	return out, nil
}

// payElsewhere are the measurements that need what the node does not carry.
func payElsewhere() []PayElsewhere {
	return []PayElsewhere{
		{"gas of every operation, on a chain in the test's process", "go test ./payments/polygon/contract -run TestGas -v"},
		{"vouchers through the whole rail of polygon, with a model of the chain", "go test ./payments/polygon -run xxx -bench ."},
		{"round trips to two real lnd nodes (built by make money-tools)", "go test ./payments/lightning/ln/lnd -run 'TestHard/round_trips' -v"},
	}
}
