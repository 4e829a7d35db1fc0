package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/p2p/identity"
)

// How a check came out.
const (
	checkOK   = "ok"
	checkWarn = "warn" // something is off, or only the provider role needs it
	checkFail = "fail"
)

// check is one line of doctor.
type check struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"`
}

func doctorCmd(a *app) *cobra.Command {
	provider := false
	c := &cobra.Command{
		Use: "doctor", Short: "look for what would keep this node from working",
		Long: `Look at the key, the home folder, the node, and what the provider role needs of this
machine: programs, rights, cgroups, user namespaces, overlay file systems. Each fault
comes with what to do. Changes nothing. What only providers need is a warning, unless
--provider is set.`,
		Example: "  infernet doctor\n  infernet doctor --provider --json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := a.examine(cmd.Context(), provider)
			failed := 0
			for _, c := range all {
				if c.State == checkFail {
					failed++
				}
			}
			err := a.emit(map[string]any{"ok": failed == 0, "checks": all}, func() { a.showChecks(all) })
			if err == nil && failed > 0 {
				a.sayf("infernet: %d checks failed", failed)
				return told{exitCheck}
			}
			return err
		},
	}
	c.Flags().BoolVar(&provider, "provider", false, "this machine is to run other people's tasks")
	return c
}

func (a *app) showChecks(all []check) {
	for _, c := range all {
		a.printf("%-4s  %-16s %s", c.State, c.Name, words(c.Detail))
		if c.Fix != "" {
			a.printf("      %-16s fix: %s", "", c.Fix)
		}
	}
}

// examine runs every check, the cheap and local ones first.
func (a *app) examine(ctx context.Context, provider bool) []check {
	need := checkWarn
	if provider {
		need = checkFail
	}
	all := []check{a.checkHome(), a.checkKey(), a.checkOperator(), a.checkNode(ctx), checkClock(), a.checkDisk(), checkPorts(), checkEngine(need)}
	all = append(all, checkRuntime(need)...)
	all = append(all, checkSystem(need)...)
	return append(all, checkGPUs(ctx, gpu.Host{})...)
}

func (a *app) checkHome() check {
	c := check{Name: "home", State: checkOK, Detail: a.home}
	info, err := os.Stat(a.home)
	switch {
	case errors.Is(err, os.ErrNotExist):
		c.Detail += " (not made yet)"
	case err != nil:
		c.State, c.Detail, c.Fix = checkFail, err.Error(), "choose another folder: INFERNET_HOME=DIR"
	case !info.IsDir():
		c.State, c.Detail, c.Fix = checkFail, a.home+" is not a folder", "choose another: INFERNET_HOME=DIR"
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		c.State, c.Fix = checkFail, "chmod go-w "+a.home
		c.Detail = fmt.Sprintf("%s can be changed by others (mode %04o)", a.home, info.Mode().Perm())
	}
	return c
}

func (a *app) checkKey() check {
	c := check{Name: "key", State: checkOK}
	k, err := identity.Load(a.keyPath(), []byte(os.Getenv(passphraseEnv)))
	switch {
	case err == nil:
		c.Detail = k.PubKey().String()
	case errors.Is(err, os.ErrNotExist):
		c.Detail = "none yet; the first node of this home makes one"
	case errors.Is(err, identity.ErrNeedPassphrase), errors.Is(err, identity.ErrWrongPassphrase) && os.Getenv(passphraseEnv) == "":
		c.Detail = "encrypted"
	default:
		e := explain(context.Background(), err)
		c.State, c.Detail, c.Fix = checkFail, e.message, e.hint
	}
	return c
}

// checkOperator looks at the binding that says whose this node is: one that does
// not hold is left out of the node's offers.
func (a *app) checkOperator() check {
	c := check{Name: "operator", State: checkOK}
	b, err := readBinding(a.operatorPath())
	if errors.Is(err, os.ErrNotExist) {
		c.Detail = "none said; who runs several nodes says so with infernet operator"
		return c
	}
	if err == nil {
		c.Detail = fmt.Sprintf("%s, %d nodes, until %s", b.operator, len(b.Nodes), time.Unix(b.Expires, 0).UTC().Format(time.DateOnly))
		// Nobody is asked for a passphrase: then it is not known who is meant.
		if k, bad := identity.Load(a.keyPath(), []byte(os.Getenv(passphraseEnv))); bad == nil {
			err = a.holdsFor(k.PubKey(), b)
		}
	}
	if err != nil {
		e := explain(context.Background(), err)
		c.State, c.Detail, c.Fix = checkWarn, e.message, e.hint
	}
	return c
}

func (a *app) checkNode(ctx context.Context) check {
	c := check{Name: "node", State: checkOK}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client, err := api.Dial(a.home)
	if errors.Is(err, api.ErrNotRunning) {
		c.Detail = "not running; client verbs start one when needed"
		return c
	}
	if err == nil {
		var s api.Status
		if s, err = client.Status(ctx); err == nil {
			c.Detail = fmt.Sprintf("running, pid %d, network %s, %d peers", s.PID, s.Network, s.Peers)
			if !s.Ready || s.Peers == 0 {
				c.State, c.Fix = checkWarn, "infernet status shows which part waits; give it a node to join through with --bootstrap"
			}
			return c
		}
	}
	if errors.Is(err, api.ErrNotRunning) {
		c.State, c.Detail, c.Fix = checkWarn, "not running; the last one was killed", "none needed: the next start cleans up"
		return c
	}
	e := explain(ctx, err)
	c.State, c.Detail, c.Fix = checkFail, e.message, e.hint
	return c
}

// checkDisk looks at the room where the home is, or will be.
func (a *app) checkDisk() check {
	c := check{Name: "disk", State: checkOK}
	at := a.home
	for at != filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil {
			break
		}
		at = filepath.Dir(at)
	}
	free, err := diskFree(at)
	if err != nil {
		return check{Name: "disk", State: checkWarn, Detail: err.Error()}
	}
	c.Detail = bytesText(free) + " free at " + at
	switch {
	case free < 256<<20:
		c.State, c.Fix = checkFail, "make room: the node stops taking work when the disk is full"
	case free < 2<<30:
		c.State, c.Fix = checkWarn, "models and images need room: a few GiB at least"
	}
	return c
}

// checkPorts opens a socket of each kind the node listens on.
func checkPorts() check {
	c := check{Name: "ports", State: checkOK, Detail: "tcp, udp and loopback can be listened on"}
	tcp, terr := net.Listen("tcp4", "0.0.0.0:0")
	if terr == nil {
		terr = tcp.Close()
	}
	udp, uerr := net.ListenPacket("udp4", "0.0.0.0:0")
	if uerr == nil {
		uerr = udp.Close()
	}
	lo, lerr := net.Listen("tcp4", "127.0.0.1:0")
	if lerr == nil {
		lerr = lo.Close()
	}
	if err := errors.Join(terr, uerr, lerr); err != nil {
		c.State, c.Detail, c.Fix = checkFail, err.Error(), "let infernet listen: look at the firewall or sandbox of this machine"
	}
	return c
}

// checkClock refuses a clock that was never set: documents of more than two
// minutes' difference are refused by others.
func checkClock() check {
	c := check{Name: "clock", State: checkOK, Detail: time.Now().UTC().Format(time.RFC3339)}
	if time.Now().Year() < 2026 {
		c.State, c.Fix = checkFail, "set the clock: others refuse documents of another time"
		return c
	}
	if synced, known := clockSynced(); known && !synced {
		c.State, c.Detail = checkWarn, c.Detail+", not synchronised"
		c.Fix = "let a time service set it: others refuse what is more than two minutes off"
	}
	return c
}

func checkEngine(need string) check {
	path, err := engine.Chosen()
	if err != nil {
		return check{Name: "engine", State: need, Detail: err.Error(), Fix: "run make, and keep engine/infernet-llm beside infernet"}
	}
	return check{Name: "engine", State: checkOK, Detail: path}
}

// checkRuntime looks for the programs of the private containerd.
func checkRuntime(need string) []check {
	if runtime.GOOS != "linux" {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	dir := filepath.Join(filepath.Dir(self), "runtime")
	var out []check
	for _, name := range []string{"containerd", "containerd-shim-runc-v2", "runc"} {
		c := check{Name: name, State: checkOK, Detail: filepath.Join(dir, name)}
		if info, err := os.Stat(c.Detail); err != nil || info.Mode()&0o111 == 0 {
			c.State, c.Detail = need, c.Detail+" is not there"
			c.Fix = "run make, or use a containerd of your own: infernet node --containerd-socket PATH"
		}
		out = append(out, c)
	}
	return out
}
