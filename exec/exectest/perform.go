package exectest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/exectest/script"
)

// perform does what exectest/program would do in a sandbox with these limits,
// as far as a caller can see.
func perform(ctx context.Context, sc script.Script, t exec.Task, s exec.Streams, sock *socket) exec.Result {
	res := exec.Result{Reason: exec.ReasonOK}
	fail := func(why exec.Reason, code int, detail string) exec.Result {
		res.Reason, res.ExitCode, res.Detail = why, code, detail
		return res
	}
	left := t.Limits.LogBytes
	say := func(w io.Writer, text string) {
		n := min(uint64(len(text)), left)
		left -= n
		res.LogTruncated = res.LogTruncated || n < uint64(len(text))
		if w != nil && n > 0 {
			_, _ = io.WriteString(w, text[:n])
		}
	}
	text, err := printed(sc, t)
	say(s.Stdout, text)
	if sc.Error != "" {
		say(s.Stderr, sc.Error+"\n")
	}
	if err != nil {
		say(s.Stderr, err.Error()+"\n")
		return fail(exec.ReasonExit, 1, err.Error())
	}
	if sc.Fill > t.Limits.DiskBytes {
		return fail(exec.ReasonDisk, 1, "filled /out")
	}
	if err := deliver(sc, t); err != nil {
		return fail(exec.ReasonInternal, 0, err.Error())
	}
	for n := sc.Flood; n > 0 && left > 0; {
		k := min(n, 64<<10)
		say(s.Stdout, strings.Repeat("x", int(k)))
		n -= k
	}
	res.LogTruncated = res.LogTruncated || sc.Flood > t.Limits.LogBytes
	switch {
	case sc.Eat > t.Limits.MemoryBytes:
		return fail(exec.ReasonOOM, 137, "out of memory")
	case sc.Fork >= int(t.Limits.PIDs):
		return fail(exec.ReasonPIDs, 1, "too many processes")
	}
	res.MaxMemory = sc.Eat
	exited := make(chan int, 1)
	if sc.Serve != "" {
		srv := &http.Server{Handler: script.Handler(func(code int) {
			select {
			case exited <- code:
			default: // it is ending
			}
			<-ctx.Done() // a program that exits does not answer
		})}
		defer srv.Close()
		go func() { _ = srv.Serve(sock.listen()) }()
	}
	if sc.Sleep > 0 {
		timer := time.NewTimer(sc.Sleep)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return res
		case code := <-exited:
			res.Reason, res.ExitCode, res.Detail = crashed(code)
			return res
		}
	}
	switch {
	case sc.Exit != 0:
		return fail(exec.ReasonExit, sc.Exit, fmt.Sprintf("exit code %d", sc.Exit))
	case sc.Link != "":
		return fail(exec.ReasonOutput, 0, fmt.Sprintf("the result holds a link: %q", sc.Link))
	}
	return res
}

// printed is what the script says on stdout before anything else happens.
func printed(sc script.Script, t exec.Task) (string, error) {
	var b strings.Builder
	if sc.Output != "" {
		b.WriteString(sc.Output + "\n")
	}
	files := []string{}
	if sc.PrintIn != "" {
		files = append(files, filepath.Join(t.In, sc.PrintIn))
	}
	if sc.Model {
		files = append(files, t.Model)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			return b.String(), err
		}
		b.Write(append(raw, '\n'))
	}
	return b.String(), nil
}

// deliver writes the script's files to the task's Out.
func deliver(sc script.Script, t exec.Task) error {
	if t.Out == "" {
		return nil
	}
	if err := os.MkdirAll(t.Out, 0o755); err != nil {
		return err
	}
	if sc.FileName != "" {
		name := filepath.Join(t.Out, sc.FileName)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(sc.FileContent), 0o644); err != nil {
			return err
		}
	}
	if sc.Fill == 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(t.Out, "fill"), []byte(strings.Repeat("x", int(sc.Fill))), 0o644)
}
