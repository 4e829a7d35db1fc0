// Command lnd is the Lightning node of that name, for tests: the very program but for
// one thing. The key of its wallet is stretched as lightly as lnd's own tests do
// it, since nothing is worth protecting there and a test that kills and restarts
// nodes would spend its time on that.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/btcsuite/btcwallet/waddrmgr"
	"github.com/jessevdk/go-flags"
	"github.com/lightningnetwork/lnd"
	"github.com/lightningnetwork/lnd/signal"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run is what lnd's own main does.
func run() error {
	waddrmgr.DefaultScryptOptions = waddrmgr.FastScryptOptions
	stop, err := signal.Intercept()
	if err != nil {
		return err
	}
	cfg, err := lnd.LoadConfig(stop)
	var bad *flags.Error
	if errors.As(err, &bad) && bad.Type == flags.ErrHelp {
		return nil
	}
	if err != nil {
		return err
	}
	return lnd.Main(cfg, lnd.ListenerCfg{}, cfg.ImplementationConfig(stop), stop)
}
