//go:build race

package reputation_test

// raceDetector multiplies memory, so that measuring it says nothing.
const raceDetector = true
