package devnet

import "errors"

// ErrRunning: a network runs in this folder already.
var ErrRunning = errors.New("devnet: a network runs in this folder")

// ErrNone: the folder holds no network.
var ErrNone = errors.New("devnet: no network in this folder")

// ErrBusy: another process starts or stops a network in this folder.
var ErrBusy = errors.New("devnet: another process is starting or stopping this network")

// ErrNode: a node ended, or did not become ready in time.
var ErrNode = errors.New("devnet: node did not start")

// ErrLeftBehind: something of the network is still there and cannot be removed.
var ErrLeftBehind = errors.New("devnet: left behind")

// errEnded: there is no process of this pid.
var errEnded = errors.New("process has ended")
