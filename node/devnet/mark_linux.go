package devnet

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// startMark is the boot and the tick at which a process was started. A process
// that has ended but was not waited for counts as ended.
func startMark(pid int) (string, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", errEnded
	}
	// The name in brackets may hold anything, brackets and blanks too.
	_, rest, _ := strings.Cut(string(raw[max(0, bytes.LastIndexByte(raw, ')')):]), " ")
	words := strings.Fields(rest)
	if len(words) < 20 || words[0] == "Z" || words[0] == "X" {
		return "", errEnded
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("devnet: %w", err)
	}
	return strings.TrimSpace(string(boot)) + "/" + words[19], nil
}
