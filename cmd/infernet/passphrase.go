package main

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/term"

	"infernet.tech/infernet/p2p/identity"
)

// passphraseEnv is the environment variable that opens an encrypted key.
const passphraseEnv = "INFERNET_PASSPHRASE"

// openKey loads a key file, and asks for its passphrase where it needs one;
// what says whose it is. os.ErrNotExist when there is none.
func (a *app) openKey(path, what string) (*identity.Key, error) {
	secret, err := a.passphraseOf(path, what)
	if err != nil {
		return nil, err
	}
	return identity.Load(path, secret)
}

// passphraseOf returns what opens a key file: nil for a plain or missing one,
// else the environment's passphrase, else what the person types.
func (a *app) passphraseOf(keyPath, what string) ([]byte, error) {
	locked, err := encrypted(keyPath)
	if err != nil || !locked {
		return nil, err
	}
	if s := os.Getenv(passphraseEnv); s != "" {
		return []byte(s), nil
	}
	if !terminal(a.in) {
		return nil, identity.ErrNeedPassphrase
	}
	return a.ask("passphrase of the " + what + ": ")
}

// newPassphrase asks twice.
func (a *app) newPassphrase() ([]byte, error) {
	if s := os.Getenv(passphraseEnv); s != "" {
		return []byte(s), nil
	}
	if !terminal(a.in) {
		return nil, failf(exitUsage, "set "+passphraseEnv, "no terminal to ask for a passphrase")
	}
	one, err := a.ask("new passphrase: ")
	if err != nil {
		return nil, err
	}
	two, err := a.ask("once more: ")
	if err != nil {
		return nil, err
	}
	if len(one) == 0 || !bytes.Equal(one, two) {
		return nil, usagef("the two passphrases differ, or are empty")
	}
	return one, nil
}

// ask reads a line from the keyboard without showing it.
func (a *app) ask(prompt string) ([]byte, error) {
	_, _ = fmt.Fprint(a.err, prompt)
	f, _ := a.in.(*os.File)
	s, err := term.ReadPassword(int(f.Fd()))
	_, _ = fmt.Fprintln(a.err)
	if err != nil {
		return nil, fmt.Errorf("read passphrase: %w", err)
	}
	return s, nil
}
