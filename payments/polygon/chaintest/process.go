package chaintest

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/ethclient"

	"infernet.tech/infernet/payments/polygon/chaintest/evm"
	"infernet.tech/infernet/payments/polygon/contract"
)

// Process is a chain in a process of its own, on data that outlives it.
type Process struct {
	evm.About
	Token    contract.Token
	Contract contract.Contract
	Client   *ethclient.Client // keeps working across Restart

	tb     testing.TB
	bin    string
	dir    string
	period time.Duration
	port   int
	stdin  io.Closer
	kill   func()
	ended  chan error // what Wait said; nil where nothing runs
}

// Binary is where the program devchain lies: in the folder that
// INFERNET_MONEY_BIN names, or in bin/money of the repository. It skips the test
// where it was not built.
func Binary(tb testing.TB) string {
	tb.Helper()
	dirs := []string{os.Getenv("INFERNET_MONEY_BIN")}
	if here, err := os.Getwd(); err == nil {
		for ; here != filepath.Dir(here); here = filepath.Dir(here) {
			dirs = append(dirs, filepath.Join(here, "bin", "money"))
		}
	}
	for _, dir := range dirs {
		bin := filepath.Join(dir, "devchain")
		if info, err := os.Stat(bin); dir != "" && err == nil && info.Mode().IsRegular() {
			return bin
		}
	}
	tb.Skip("needs the program devchain: make money-tools builds it")
	return ""
}

// StartProcess brings up a chain as a process that makes a block of each
// transaction and every period, and ends it with the test. It skips the test
// where the program was not built.
func StartProcess(tb testing.TB, period time.Duration) *Process {
	tb.Helper()
	p := &Process{tb: tb, bin: Binary(tb), dir: tb.TempDir(), period: period, Token: evm.Token(), Contract: evm.Contract()}
	port, free, err := keepPort()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(free)
	p.port = port
	p.start()
	tb.Cleanup(p.Kill)
	if p.Client, err = ethclient.DialContext(tb.Context(), p.URL); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Client.Close)
	return p
}

func (p *Process) start() {
	p.tb.Helper()
	cmd := exec.Command(p.bin, "-dir", p.dir, "-port", strconv.Itoa(p.port), "-period", p.period.String())
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = dieWithParent()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		p.tb.Fatal(err)
	}
	stdout, in, err := os.Pipe()
	if err != nil {
		p.tb.Fatal(err)
	}
	defer stdout.Close()
	cmd.Stdout = in
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		// The kernel ends the child with the thread that started it, so the thread
		// stays for as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		in.Close()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		p.tb.Fatal(err)
	}
	p.stdin, p.ended, p.kill = stdin, ended, func() { _ = cmd.Process.Kill() }
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &p.About)
	}
	if err != nil {
		p.Kill()
		p.tb.Fatalf("devchain said %q: %v", line, err)
	}
}

// Kill ends the process at once, as kill -9 does. Nothing happens if it has
// ended already.
func (p *Process) Kill() {
	if p.ended == nil {
		return
	}
	p.kill()
	<-p.ended // what killed it is known
	p.ended = nil
}

// Stop lets the process end by itself and waits for it.
func (p *Process) Stop() {
	p.tb.Helper()
	if p.ended == nil {
		return
	}
	err := errors.Join(p.stdin.Close(), <-p.ended)
	p.ended = nil
	if err != nil {
		p.tb.Fatal(err)
	}
}

// Restart starts the process again, at the same URL and with the same data.
func (p *Process) Restart() {
	p.tb.Helper()
	p.Kill()
	p.start()
}

// Finalize makes blocks until the present head is final.
func (p *Process) Finalize() { p.call("dev_finalize") }

// Advance lets time pass on the chain.
func (p *Process) Advance(d time.Duration) { p.call("dev_advance", uint64(d/time.Second)) }

// Reorg replaces the last depth blocks by one more empty ones.
func (p *Process) Reorg(depth int) { p.call("dev_reorg", uint64(depth)) }

func (p *Process) call(method string, args ...any) {
	p.tb.Helper()
	if err := p.Client.Client().CallContext(p.tb.Context(), nil, method, args...); err != nil {
		p.tb.Fatal(err)
	}
}
