package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/node/alone"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/bench"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/demo"
	"infernet.tech/infernet/node/devnet"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/node/sim"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/payments/polygon/deploy"
	"infernet.tech/infernet/store"
	"infernet.tech/infernet/store/blob"
)

// failure is an error that a verb has explained itself.
type failure struct {
	exit int
	hint string
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failf makes a failure with an exit code and a hint ("" for none).
func failf(exit int, hint, format string, args ...any) error {
	return &failure{exit: exit, hint: hint, err: fmt.Errorf(format, args...)}
}

func usagef(format string, args ...any) error {
	return failf(exitUsage, "", format, args...)
}

// told is an error of which the result document has told everything.
type told struct{ exit int }

func (t told) Error() string { return exitName(t.exit) }

// explanation is an error as a person reads it.
type explanation struct {
	exit    int
	code    string
	message string
	hint    string
}

// report prints an error and returns the exit code.
func (a *app) report(ctx context.Context, err error) int {
	var t told
	if errors.As(err, &t) {
		return t.exit
	}
	e := explain(ctx, err)
	a.sayf("infernet: %s", e.message)
	if e.hint != "" {
		a.sayf("hint: %s", e.hint)
	}
	if a.json && !a.printed {
		type body struct {
			Code     string        `json:"code"`
			Message  string        `json:"message"`
			Hint     string        `json:"hint,omitempty"`
			Exit     int           `json:"exit"`
			Problems []api.Problem `json:"problems,omitempty"`
		}
		_ = a.document(map[string]body{"error": {e.code, e.message, e.hint, e.exit, problems(err)}})
	}
	return e.exit
}

// explain is the one place that turns an error into words and an exit code.
func explain(ctx context.Context, err error) explanation {
	e := explanation{exit: exitOther, message: err.Error()}
	var f *failure
	var ae *api.Error
	switch {
	case errors.As(err, &f):
		e.exit, e.hint = f.exit, f.hint
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		e.exit, e.message = exitInterrupted, "interrupted"
	case errors.As(err, &ae):
		e.exit, e.hint, e.code = exitOfCode(ae.Code), wholeWords(ae.Hint), string(ae.Code)
		if e.hint == "-" {
			e.hint = ""
		}
		e.message = bare(words(ae.Message))
		if len(ae.Problems) > 0 {
			e.message = ae.Message // already lines of our own node
		}
	default:
		for _, s := range sentinels {
			if errors.Is(err, s.err) {
				e.exit, e.hint = s.exit, s.hint
				e.message = bare(e.message)
				break
			}
		}
	}
	if e.code == "" {
		e.code = exitName(e.exit)
	}
	return e
}

// bare is a message without the name of the package that it begins with, which
// tells its reader nothing.
func bare(message string) string {
	for _, name := range []string{"compare: ", "sim: "} {
		message = strings.TrimPrefix(message, name)
	}
	return message
}

// sentinels are the errors of the layers below that a person can act on; the
// first that fits counts.
var sentinels = []struct {
	err  error
	exit int
	hint string
}{
	{devnet.ErrRunning, exitConflict, "infernet devnet down --dir DIR stops it"},
	{devnet.ErrNone, exitNotFound, "infernet devnet up --dir DIR starts one"},
	{devnet.ErrBusy, exitInUse, "wait until it is done"},
	{devnet.ErrLeftBehind, exitOther, "infernet devnet down --dir DIR tries again; it needs the rights that up had"},
	{demo.ErrFailed, exitCheck, "the summary says what was not as it should be"},
	{demo.ErrBusy, exitInUse, "wait until one has ended"},
	{alone.ErrBusy, exitInUse, "wait until it has ended"},
	{alone.ErrUnsafeDir, exitNoRights, "remove it, or choose another place with TMPDIR"},
	{sim.ErrConfig, exitUsage, "infernet help sim"},
	{compare.ErrTooFew, exitCheck, "collect more from honest machines, or allow more with --false-alarms"},
	{compare.ErrSpread, exitCheck, "one of the machines may be broken, dishonest or of another class: calibrate each class by itself"},
	{compare.ErrProfile, exitCheck, "infernet help verifier calibrate"},
	{bench.ErrJob, exitJobFailed, "try again; infernet demo tells whether jobs work here at all"},
	{demo.ErrUnsafeDir, exitNoRights, "choose a folder of your own with --dir"},
	{api.ErrNotRunning, exitNotRunning, "start one: infernet node"},
	{api.ErrReadableByOthers, exitKey, "others may have read the token: infernet api token --rotate, then start the node again"},
	{api.ErrBadToken, exitKey, "infernet api token --rotate makes a new one"},
	{api.ErrStreamCut, exitNotRunning, "see node.log in the node's home; infernet job wait ID goes on once it runs"},
	{api.ErrAddCut, exitNotRunning, "see node.log in the node's home; ask again once it runs: a download goes on where it was"},
	{job.ErrSpec, exitSpec, "infernet job validate FILE checks without sending anything"},
	{identity.ErrReadableByOthers, exitKey, "chmod 600 the key file; if others use this machine, make a new key"},
	{identity.ErrNeedPassphrase, exitKey, "set INFERNET_PASSPHRASE, or run it on a terminal to be asked"},
	{identity.ErrWrongPassphrase, exitKey, "try again; without the passphrase the key cannot be recovered"},
	{identity.ErrBadKeyFile, exitKey, "restore the file from your copy, or move it away and run infernet init"},
	{identity.ErrBadPubKey, exitUsage, "a node is named by its whole npub: infernet status prints this node's, --json those that tables shorten"},
	{store.ErrLocked, exitInUse, "another node runs for this home: infernet status"},
	{exec.ErrLocked, exitInUse, "another node runs for this home: infernet status"},
	{store.ErrSchema, exitInUse, "this home was used by a newer infernet: update this one"},
	{exec.ErrNoRights, exitNoRights, "providers need the right to run containers: run as root, or see infernet doctor"},
	{exec.ErrNoRuntime, exitNotBuilt, "run make, and keep containerd, its shim and runc beside infernet"},
	{engine.ErrNotBuilt, exitNotBuilt, "run make, and keep infernet-llm beside infernet; INFERNET_ENGINE, where it is set, must name it"},
	{gpu.ErrNoGPU, exitNotFound, "infernet gpu list shows those of this machine"},
	{exec.ErrUnsupported, exitUnsupported, "providers run on Linux; every other role runs here: infernet node --role client"},
	{store.ErrNoSpace, exitDisk, "make room, then start again; nothing that was confirmed is lost"},
	{blob.ErrNoSpace, exitDisk, "infernet data list shows what is kept; infernet data gc removes what nothing needs"},
	{syscall.ENOSPC, exitDisk, "make room on the disk and try again"},
	{blob.ErrNotHave, exitNotFound, "infernet data list shows what this node has"},
	{api.ErrNoAnswer, exitJobFailed, "infernet job list shows the job; infernet job explain ID tells more"},
	{payments.ErrUnknown, exitMoney, "whether it was charged is unknown: do not pay again; the node asks the other side until it knows"},
	{payments.ErrOverLimit, exitRefused, "not charged; infernet balance shows the limits"},
	{payments.ErrRefused, exitRefused, "not charged"},
	{deploy.ErrConfig, exitUsage, "nothing was sent; infernet wallet deploy -h tells what is needed"},
	{deploy.ErrFunds, exitRefused, "nothing was sent; put some of the chain's coin on that account"},
	{deploy.ErrFailed, exitRefused, "look the transaction up on the chain before you try again"},
	{syscall.EADDRINUSE, exitPort, "stop the program that listens there, or choose another address with --listen or --api"},
	{os.ErrPermission, exitNoRights, "use a home folder of your own: INFERNET_HOME=DIR"},
	{devnet.ErrNode, exitNotRunning, "node.log in the node's home tells more"},
	{context.DeadlineExceeded, exitTimeout, "try again, or raise the limit"},
	{fs.ErrExist, exitConflict, "move it away first; nothing is ever overwritten"},
	{fs.ErrNotExist, exitNotFound, ""},
}

// exitOfCode maps the codes of the local API.
func exitOfCode(c api.Code) int {
	switch c {
	case api.CodeBadRequest:
		return exitUsage
	case api.CodeInvalidSpec:
		return exitSpec
	case api.CodeUnauthorized, api.CodeForbidden:
		return exitDenied
	case api.CodeNotFound, api.CodeNoContent:
		return exitNotFound
	case api.CodeConflict:
		return exitConflict
	case api.CodeTooLarge, api.CodeRefused:
		return exitRefused
	case api.CodeNotReady:
		return exitNotRunning
	case api.CodeNoProvider:
		return exitNoProvider
	case api.CodeNoRights:
		return exitNoRights
	case api.CodeDiskFull, api.CodeQuotaFull:
		return exitDisk
	case api.CodeTimeout:
		return exitTimeout
	case api.CodeUnknownMoney:
		return exitMoney
	case api.CodeInternal:
		return exitOther
	}
	return exitOther
}

// problems are the faults of a job description in one shape, whoever found them.
func problems(err error) []api.Problem {
	var ae *api.Error
	if errors.As(err, &ae) {
		return ae.Problems
	}
	var se *job.SpecError
	if !errors.As(err, &se) {
		return nil
	}
	out := make([]api.Problem, 0, len(se.Problems))
	for _, p := range se.Problems {
		out = append(out, api.Problem{Line: p.Line, Message: p.String()})
	}
	return out
}
