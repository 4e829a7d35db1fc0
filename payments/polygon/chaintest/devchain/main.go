// Command devchain is a private EVM chain as a process: the node of package evm
// with a test USDC and the channel contract on it. It prints one line of JSON
// that says where everything is, makes a block for each transaction and every
// -period, and ends when it is told to or when its standard input closes, so
// that it never outlives who started it. With -dir it carries on where it was,
// after a kill too. Its accounts' keys are public: it is for tests and demos.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"infernet.tech/infernet/payments/polygon/chaintest/evm"
)

func main() {
	dir := flag.String("dir", "", "folder of the chain's data; none keeps it in memory")
	port := flag.Int("port", 0, "port of the RPC on loopback; 0 takes a free one")
	period := flag.Duration("period", time.Second, "time between blocks; 0 makes them of transactions only")
	flag.Parse()
	if flag.NArg() > 0 || *period < 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, evm.Config{Dir: *dir, Port: *port}, *period); err != nil {
		fmt.Fprintln(os.Stderr, "devchain:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cfg evm.Config, period time.Duration) (err error) {
	chain, err := evm.Start(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, chain.Close()) }()
	if err := chain.Deploy(ctx); err != nil {
		return err
	}
	about := evm.About{URL: chain.URL(), ChainID: evm.ChainID, Token: evm.Token().Address, Contract: evm.Contract().Address}
	for i := range evm.Accounts {
		about.Keys = append(about.Keys, hex.EncodeToString(crypto.FromECDSA(evm.Key(i))))
	}
	if err := json.NewEncoder(os.Stdout).Encode(about); err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin) // until nobody is there any more
	}()
	chain.Mine(ctx, period)
	return nil
}
