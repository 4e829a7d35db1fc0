// Package script is the behaviour of test tasks, told in their environment.
//
// The fake runner of exectest performs a script in its own process; the program
// exectest/program performs it in a real container. So one conformance suite
// asks both for the same things. It is used by tests only, and refuses to know
// anything of runners.
package script

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The variables of a script. Steps happen in the order in which they stand
// here. Sizes are bytes in decimal, durations are Go's.
const (
	Output  = "EXECTEST_OUTPUT"   // print this line on stdout
	Error   = "EXECTEST_ERROR"    // print this line on stderr
	PrintIn = "EXECTEST_PRINT_IN" // print this file of /in
	Model   = "EXECTEST_MODEL"    // "1": print /model
	File    = "EXECTEST_FILE"     // "name=content": write a file in /out
	Link    = "EXECTEST_LINK"     // make a symbolic link of this name in /out
	Fill    = "EXECTEST_FILL"     // write this many bytes to /out/fill
	Flood   = "EXECTEST_FLOOD"    // print this many bytes on stdout
	Eat     = "EXECTEST_EAT"      // use this much memory
	Fork    = "EXECTEST_FORK"     // keep this many processes alive at once
	Term    = "EXECTEST_TERM"     // "ignore": do not end at SIGTERM
	Serve   = "EXECTEST_SERVE"    // as Task.Serve: answer HTTP there, with Handler, until the end
	Sleep   = "EXECTEST_SLEEP"    // wait this long
	Exit    = "EXECTEST_EXIT"     // end with this code
	// StartError makes Start of the fake fail; no program can. Its value is
	// "image", "internal" or any text.
	StartError = "EXECTEST_START_ERROR"
)

// Script is a parsed script.
type Script struct {
	Output, Error, PrintIn string
	Model                  bool
	FileName, FileContent  string
	Link                   string
	Fill, Flood, Eat       uint64
	Fork                   int
	IgnoreTerm             bool
	Serve                  string
	Sleep                  time.Duration
	Exit                   int
	StartError             string
}

// Parse reads the script out of an environment. Variables that are none of its
// own are not looked at.
func Parse(env []string) (Script, error) {
	v := map[string]string{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		v[name] = value
	}
	s := Script{
		Output: v[Output], Error: v[Error], PrintIn: v[PrintIn], Model: v[Model] == "1",
		Link: v[Link], IgnoreTerm: v[Term] == "ignore", StartError: v[StartError], Serve: v[Serve],
	}
	s.FileName, s.FileContent, _ = strings.Cut(v[File], "=")
	var err error
	number := func(name string) uint64 {
		if v[name] == "" || err != nil {
			return 0
		}
		n, perr := strconv.ParseUint(v[name], 10, 62)
		if perr != nil {
			err = fmt.Errorf("script: %s: %w", name, perr)
		}
		return n
	}
	s.Fill, s.Flood, s.Eat = number(Fill), number(Flood), number(Eat)
	s.Fork, s.Exit = int(number(Fork)), int(number(Exit))
	if v[Sleep] != "" && err == nil {
		if s.Sleep, err = time.ParseDuration(v[Sleep]); err != nil {
			err = fmt.Errorf("script: %s: %w", Sleep, err)
		}
	}
	return s, err
}
