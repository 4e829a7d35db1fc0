//go:build !race

package reputation_test

const raceDetector = false
