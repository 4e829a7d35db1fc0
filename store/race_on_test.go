//go:build race

package store

// raceDetector multiplies memory, so that measuring it says nothing.
const raceDetector = true
