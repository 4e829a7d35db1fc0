package bench

import (
	"context"
	"errors"
	"fmt"

	"infernet.tech/infernet/node/alone"
)

// TransferConfig says how much is sent.
type TransferConfig struct {
	Size     int64        // bytes of the big file
	Files    int          // small files in a folder; 0 leaves that part out
	FileSize int64        // bytes of each of them
	Rounds   int          // for each way, after one to warm up
	Report   func(string) // told what happens, a line each; may be nil
}

// DefaultTransfer is what the verb measures.
func DefaultTransfer() TransferConfig {
	return TransferConfig{Size: 1 << 30, Files: 10_000, FileSize: 10 << 10, Rounds: 3}
}

// Validate tells the first number that makes no sense. Error: ErrConfig.
func (c TransferConfig) Validate() error {
	if c.Size < 1<<20 || c.Size > 1<<40 {
		return fmt.Errorf("%w: %d bytes, 1 MiB to 1 TiB are possible", ErrConfig, c.Size)
	}
	if c.Files < 0 || c.Files > 90_000 {
		return fmt.Errorf("%w: %d small files, 0 to 90000 are possible", ErrConfig, c.Files)
	}
	if c.Files > 0 && (c.FileSize < 1 || c.FileSize > 1<<30) {
		return fmt.Errorf("%w: small files of %d bytes, 1 B to 1 GiB are possible", ErrConfig, c.FileSize)
	}
	if c.Rounds < 1 || c.Rounds > 1000 {
		return fmt.Errorf("%w: %d rounds, 1 to 1000 are possible", ErrConfig, c.Rounds)
	}
	return nil
}

// Transfer is what was measured.
type Transfer struct {
	Machine  Machine `json:"machine"`
	Bytes    int64   `json:"bytes"`
	Files    int     `json:"files"`
	FileSize int64   `json:"file_bytes"`
	Ways     []Way   `json:"ways"`
	Ratios   []Ratio `json:"ratios"`
}

// Way is one way to move or to read the same bytes. Each that makes a copy ends
// when the copy is synced.
type Way struct {
	Name   string `json:"name"`
	What   string `json:"what"`
	Bytes  int64  `json:"bytes"`
	Speed  Series `json:"mb_s"`       // megabytes (10^6 bytes) a second
	CPU    Series `json:"cpu_s_gib"`  // processor seconds a GiB, of both ends; Linux
	Memory Series `json:"memory_mib"` // by how many MiB the process grew at most, both ends; Linux
}

// Ratio compares two ways, or a way with what it may cost at most.
type Ratio struct {
	Name    string  `json:"name"`
	What    string  `json:"what"`
	Value   float64 `json:"value"`
	AtLeast float64 `json:"at_least,omitempty"` // the aim; 0 for none
	AtMost  float64 `json:"at_most,omitempty"`
}

// Met says that the aim is reached, or that there is none.
func (r Ratio) Met() bool {
	return r.Value >= r.AtLeast && (r.AtMost == 0 || r.Value <= r.AtMost)
}

// RunTransfer measures between hosts of this process on loopback. It needs no
// rights, and disk for the big file twice and for the small ones five times.
// Errors: ErrConfig, those of package alone.
func RunTransfer(ctx context.Context, cfg TransferConfig) (out Transfer, err error) {
	if err := cfg.Validate(); err != nil {
		return out, err
	}
	if cfg.Report == nil {
		cfg.Report = func(string) {}
	}
	dir, release, err := alone.Take(ctx, "bench-transfer", sweep)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, release()) }()
	b, err := layOut(ctx, dir, cfg)
	if err != nil {
		return out, err
	}
	cfg.Report("starting six hosts, four of which have the file")
	p, err := newPair(ctx, dir, b)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	turns := turns{dir: dir, ways: p.ways(), report: cfg.Report}
	if err := turns.run(ctx, cfg.Rounds); err != nil {
		return out, err
	}
	for _, w := range turns.ways {
		out.Ways = append(out.Ways, w.result())
	}
	out.Ratios = ratios(out.Ways)
	out.Machine, out.Bytes, out.Files, out.FileSize = thisMachine(), cfg.Size, cfg.Files, cfg.FileSize
	return out, nil
}

// ratios are what the ways are measured for. Those of a part left out are left
// out.
func ratios(ways []Way) (out []Ratio) {
	by := map[string]Way{}
	for _, w := range ways {
		by[w.Name] = w
	}
	add := func(r Ratio, value float64, of ...string) {
		for _, name := range of {
			if by[name].Speed.N == 0 {
				return
			}
		}
		r.Value = value
		out = append(out, r)
	}
	over := func(r Ratio, a, b string) {
		r.Name = a + " / " + b
		add(r, ratio(by[a].Speed.Median, by[b].Speed.Median), a, b)
	}
	over(Ratio{What: "of a bare stream's speed over QUIC", AtLeast: 0.9}, wayBlob, wayStream)
	over(Ratio{What: "of a bare stream's speed over TCP", AtLeast: 0.9}, wayBlobTCP, wayStreamTCP)
	over(Ratio{What: "of a bare socket's speed"}, wayBlob, wayTCP)
	over(Ratio{What: "what more sources give on one machine"}, wayBlobFour, wayBlob)
	over(Ratio{What: "reading and hashing, against hashing alone", AtLeast: 0.9}, wayAddInPlace, wayHashAll)
	over(Ratio{What: "a synced copy too, against hashing alone", AtLeast: 0.9}, wayAdd, wayHashAll)
	over(Ratio{What: "a synced copy too, against the standard library's hash on one core"}, wayAdd, wayHash)
	over(Ratio{What: "hashing too, against copying alone"}, wayAdd, wayDisk)
	over(Ratio{What: "times as long as one file of the same bytes", AtMost: 2}, wayAddOne, wayAddMany)
	over(Ratio{What: "of the speed of opening and reading the small files alone"}, wayAddMany, wayReadMany)
	over(Ratio{What: "times as long as one file of the same bytes", AtMost: 2}, wayFetchOne, wayFetchMany)
	// Where both ends share the cores, this is what speed hangs on, and what else
	// runs on the machine tells less on it.
	for _, of := range []struct{ way, base, what string }{
		{wayBlob, wayStream, "of the processor time is the bare stream's"},
		{wayBlobTCP, wayStreamTCP, "of the processor time is the bare stream's"},
		{wayAddMany, wayAddOne, "of the processor time is what one file takes"},
	} {
		r := Ratio{Name: of.base + " / " + of.way + ", processor time", What: of.what}
		add(r, ratio(by[of.base].CPU.Median, by[of.way].CPU.Median), of.way, of.base)
	}
	for _, name := range []string{wayBlob, wayBlobFour} {
		add(Ratio{Name: name + ", memory", What: "MiB that both ends grow by", AtMost: 64}, by[name].Memory.Max, name)
	}
	return out
}
