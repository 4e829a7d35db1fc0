//go:build race

package delivery_test

// raceOn says that the race detector slows everything down.
const raceOn = true
