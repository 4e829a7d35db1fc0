package api

import (
	"errors"
	"fmt"
	"net/http"
)

// ErrNotRunning says that no node answers for this home.
var ErrNotRunning = errors.New("no node is running for this home")

// ErrReadableByOthers says that api.json or api-token, which hold the token, can be read by other users.
var ErrReadableByOthers = errors.New("the api file can be read by other users")

// ErrAddCut says that the node went away during a transfer. A download goes on
// where it was when it is asked for again.
var ErrAddCut = errors.New("the node stopped answering before the transfer ended")

// ErrBadToken says that api-token holds something else than a token.
var ErrBadToken = errors.New("the token file is damaged")

// ErrStreamCut says that an event stream ended before its job did.
var ErrStreamCut = errors.New("the node stopped answering before the job ended")

// Code is the machine-readable kind of a failure; append only, never renamed.
type Code string

// The codes that an answer can carry.
const (
	CodeBadRequest   Code = "bad_request"   // the request makes no sense as sent
	CodeInvalidSpec  Code = "invalid_spec"  // the job description was refused; Problems tells where
	CodeUnauthorized Code = "unauthorized"  // no token, or a wrong one
	CodeForbidden    Code = "forbidden"     // a foreign Host or Origin
	CodeNotFound     Code = "not_found"     // no such job, blob, path or method
	CodeConflict     Code = "conflict"      // the thing is in another state than the request needs
	CodeTooLarge     Code = "too_large"     // a body or a file over its limit
	CodeNotReady     Code = "not_ready"     // the node has not joined its network, or lacks the role
	CodeNoProvider   Code = "no_provider"   // nobody matched; the hint names the smallest change
	CodeRefused      Code = "refused"       // another node, or the rail, said no
	CodeNoRights     Code = "no_rights"     // the operating system refused the node
	CodeDiskFull     Code = "disk_full"     // no room left
	CodeQuotaFull    Code = "quota_full"    // the store may not take more: pinned and used things fill its quota
	CodeTimeout      Code = "timeout"       // a deadline passed
	CodeNoContent    Code = "no_content"    // no reachable node has the content asked for
	CodeUnknownMoney Code = "unknown_money" // a payment whose outcome cannot be seen: do not retry
	CodeInternal     Code = "internal"      // anything else
)

// Problem is one fault in a job description.
type Problem struct {
	Line    int    `json:"line"` // counted from 1; 0 when the fault has no line
	Message string `json:"message"`
}

// Error is a failure as it travels to the caller. Backends return it (wrapped
// or bare) when they know its code; any other error becomes CodeInternal.
type Error struct {
	Code     Code      `json:"code"`
	Message  string    `json:"message"`
	Hint     string    `json:"hint,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
}

// Error returns the message alone: the hint is shown apart.
func (e *Error) Error() string { return e.Message }

// Errorf makes an Error of a code, a hint ("" for none) and a message.
func Errorf(code Code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// status maps the code to the HTTP status that plain HTTP tools understand.
func (e *Error) status() int {
	switch e.Code {
	case CodeBadRequest, CodeInvalidSpec:
		return http.StatusBadRequest
	case CodeUnauthorized:
		return http.StatusUnauthorized
	case CodeForbidden:
		return http.StatusForbidden
	case CodeNotFound, CodeNoContent:
		return http.StatusNotFound
	case CodeConflict:
		return http.StatusConflict
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeNotReady, CodeNoProvider:
		return http.StatusServiceUnavailable
	case CodeRefused, CodeUnknownMoney:
		return http.StatusBadGateway
	case CodeDiskFull, CodeQuotaFull:
		return http.StatusInsufficientStorage
	case CodeTimeout:
		return http.StatusGatewayTimeout
	case CodeNoRights, CodeInternal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}
