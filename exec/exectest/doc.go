// Package exectest tests runners, and stands in for one.
//
// Conformance is the contract of exec.Runner as a test suite; Runner is a fake
// that runs nothing and performs the script a task carries in its environment
// (see exectest/script), with the faults a test asks for; Layout builds an
// image whose program performs the same scripts in a real container.
//
// It is for tests of this repository only, and refuses to be a sandbox: the
// fake keeps limits as far as its script says what it would use.
package exectest
