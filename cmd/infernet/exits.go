package main

import (
	"fmt"
	"strings"
)

// Exit codes; scripts depend on them. Append only.
const (
	exitOK          = 0
	exitOther       = 1
	exitUsage       = 2
	exitSpec        = 3
	exitNotRunning  = 4
	exitDenied      = 5
	exitRefused     = 6
	exitNoProvider  = 7
	exitJobFailed   = 8
	exitTimeout     = 9
	exitNoRights    = 10
	exitKey         = 11
	exitPort        = 12
	exitDisk        = 13
	exitNotFound    = 14
	exitInUse       = 15
	exitNotBuilt    = 16
	exitCheck       = 17
	exitMoney       = 18
	exitConflict    = 19
	exitUnsupported = 20
	exitInterrupted = 130
)

// exitTable is what "infernet help exit-codes" prints; name is the code field
// of the JSON error document when the error has no other.
var exitTable = []struct {
	code          int
	name, meaning string
}{
	{exitOK, "ok", "it worked"},
	{exitOther, "internal", "something failed that has no code of its own"},
	{exitUsage, "usage", "unknown verb, flag or argument"},
	{exitSpec, "invalid_spec", "the job description was refused; nothing was sent"},
	{exitNotRunning, "not_running", "no node runs for this home, or it could not be started"},
	{exitDenied, "unauthorized", "the node refused the request: wrong token or a foreign origin"},
	{exitRefused, "refused", "another node, the payment rail or a rule of safety said no"},
	{exitNoProvider, "no_provider", "no provider matches the job"},
	{exitJobFailed, "job_failed", "the job failed or expired"},
	{exitTimeout, "timeout", "a deadline passed"},
	{exitNoRights, "no_rights", "the operating system refuses what is needed, such as containers"},
	{exitKey, "key", "the key cannot be used: readable by others, wrong passphrase, damaged"},
	{exitPort, "port_taken", "another program listens on the address"},
	{exitDisk, "disk_full", "no room left on the disk or in the store's quota"},
	{exitNotFound, "not_found", "no such job, file or content"},
	{exitInUse, "in_use", "another process uses this home"},
	{exitNotBuilt, "not_built", "a program that the node needs is not there: the engine, containerd, runc"},
	{exitCheck, "check_failed", "doctor found a fault, an image breaks the contract, a receipt is not valid, content is not what it was, or samples carry no profile"},
	{exitMoney, "unknown_money", "the outcome of a payment is not known: do not pay again"},
	{exitConflict, "conflict", "the thing is in another state than the verb needs, or exists already"},
	{exitUnsupported, "unsupported", "not possible on this operating system"},
	{exitInterrupted, "interrupted", "stopped by a signal"},
}

func exitName(code int) string {
	for _, e := range exitTable {
		if e.code == code {
			return e.name
		}
	}
	return "internal"
}

func exitCodesText() string {
	var b strings.Builder
	b.WriteString("Exit codes of every verb. With --json a failure prints\n" +
		"{\"error\":{\"code\",\"message\",\"hint\",\"exit\"}}; the code is the name below or a finer one.\n\n")
	for _, e := range exitTable {
		fmt.Fprintf(&b, "  %3d  %-14s %s\n", e.code, e.name, e.meaning)
	}
	return b.String()
}
