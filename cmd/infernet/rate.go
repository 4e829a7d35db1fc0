package main

import (
	"math"
	"strconv"
	"strings"
)

// parseRate reads a share as people write it, 5% or 0.05, into parts per
// million; flag names it in the message.
func parseRate(flag, text string) (uint32, error) {
	digits, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, failf(exitUsage, "write it as 5% or 0.05", "%s: %.40q is no share", flag, text)
	}
	return uint32(math.Round(v * 1e6)), nil
}

// percentText writes a share for people, to a ten-thousandth.
func percentText(share float64) string {
	return strconv.FormatFloat(math.Round(share*1e6)/1e4, 'f', -1, 64) + "%"
}
