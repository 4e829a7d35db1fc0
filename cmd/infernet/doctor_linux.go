package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// checkSystem looks at what containers need of the kernel and of our rights.
func checkSystem(need string) []check {
	return []check{checkRights(need), checkCgroups(need), checkUserNS(need), checkOverlay(need)}
}

func checkRights(need string) check {
	c := check{Name: "rights", State: checkOK, Detail: "root"}
	if uid := os.Geteuid(); uid != 0 {
		c.State, c.Detail = need, fmt.Sprintf("user id %d cannot run containers", uid)
		c.Fix = "sudo infernet node --role provider; every other role needs no rights"
	}
	return c
}

func checkCgroups(need string) check {
	c := check{Name: "cgroups", State: checkOK}
	if raw, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		c.Detail = "v2: " + strings.TrimSpace(string(raw))
		for _, want := range []string{"cpu", "memory", "pids"} {
			if !strings.Contains(" "+strings.TrimSpace(string(raw))+" ", " "+want+" ") {
				c.State, c.Fix = need, "enable the "+want+" controller for this machine or container"
			}
		}
		return c
	}
	for _, want := range []string{"cpu", "memory", "pids"} {
		if _, err := os.Stat("/sys/fs/cgroup/" + want); err != nil {
			c.State, c.Detail = need, "no "+want+" controller in /sys/fs/cgroup"
			c.Fix = "mount cgroups: tasks cannot be limited without"
			return c
		}
	}
	c.Detail = "v1: cpu memory pids"
	return c
}

func checkUserNS(need string) check {
	c := check{Name: "user namespaces", State: checkOK}
	raw, err := os.ReadFile("/proc/sys/user/max_user_namespaces")
	n, _ := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || n == 0 {
		c.State, c.Detail = need, "switched off"
		c.Fix = "sysctl user.max_user_namespaces=15000"
		return c
	}
	c.Detail = fmt.Sprintf("at most %d", n)
	return c
}

func checkOverlay(need string) check {
	c := check{Name: "overlay", State: checkOK, Detail: "the kernel has it"}
	raw, err := os.ReadFile("/proc/filesystems")
	if err != nil || !strings.Contains(string(raw), "\toverlay\n") {
		c.State, c.Detail, c.Fix = need, "not in /proc/filesystems", "modprobe overlay"
	}
	return c
}

// clockSynced asks the kernel whether a time service keeps the clock.
func clockSynced() (synced, known bool) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return state != unix.TIME_ERROR, err == nil
}
