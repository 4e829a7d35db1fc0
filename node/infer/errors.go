package infer

import (
	"errors"
	"fmt"
	"net/http"

	"infernet.tech/infernet/exec/engine/openai"
)

var (
	// ErrConfig marks a configuration that cannot work.
	ErrConfig = errors.New("bad inference configuration")
	// ErrDeps marks a missing dependency.
	ErrDeps = errors.New("missing dependency")
	// ErrCorrupt says that a stored lease cannot be read.
	ErrCorrupt = errors.New("stored lease unreadable")
)

// Codes of the errors that Do makes itself; see openai.Error.
const (
	CodeNoProvider = "no_provider" // 503: nobody can serve it now
	CodeTooDear    = "too_dear"    // 402: all ask more than the request allows
	CodeBudget     = "budget"      // 402: the node's own spending limit
	CodeWallet     = "no_wallet"   // 402: nothing can be paid on this node's rail
	CodeCredit     = "credit"      // 402: the providers' credit is used up
)

// The router's own reasons for not going on with a provider.
var (
	errGarbage   = errors.New("the provider sent what is not an answer")
	errIdle      = errors.New("the provider went silent")
	errAway      = errors.New("the provider cannot be reached any more")
	errCut       = errors.New("the provider's stream ended early")
	errTooLong   = errors.New("the answer is longer than allowed")
	errDiffers   = errors.New("the second provider's answer differs from the text already given")
	errLateQuote = errors.New("no quote")
	errProtocol  = errors.New("the provider's document is not an answer")
	errNoLease   = errors.New("the lease does not hold any more")
)

func noProvider(model, help string) *openai.Error {
	return &openai.Error{
		Status: http.StatusServiceUnavailable, Type: openai.TypeServer, Code: CodeNoProvider, Param: "model",
		Message: fmt.Sprintf("no provider can serve %.100q now: %s", model, help),
	}
}

func payment(code, format string, args ...any) *openai.Error {
	e := openai.Payment(fmt.Sprintf(format, args...))
	e.Code = code
	return e
}
