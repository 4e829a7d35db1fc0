//go:build !linux

package main

import "runtime"

// checkSystem says that providers need another system.
func checkSystem(need string) []check {
	return []check{{
		Name: "provider role", State: need, Detail: "not possible on " + runtime.GOOS,
		Fix: "run providers on Linux; every other role runs here",
	}}
}

// clockSynced is not known here.
func clockSynced() (synced, known bool) { return false, false }
