package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// Types of errors, as the clients of OpenAI know them.
const (
	TypeInvalidRequest = "invalid_request_error"
	TypeRateLimit      = "rate_limit_error"
	TypeQuota          = "insufficient_quota"
	TypeServer         = "server_error"
	TypeUpstream       = "upstream_error"
)

// Codes that programs branch on.
const (
	CodeContextLength = "context_length_exceeded"
	CodeModelNotFound = "model_not_found"
	CodeTooLarge      = "request_too_large"
	CodeRateLimit     = "rate_limit_exceeded"
	CodeQuota         = "insufficient_quota"
	CodeUnavailable   = "service_unavailable"
	CodeUpstream      = "upstream_error"
)

// Error is an error of the API: what is sent is
// {"error":{"message","type","param","code"}} with Status.
type Error struct {
	Status  int    // of HTTP
	Message string // for people
	Type    string
	Param   string // the field at fault, "" for null
	Code    string // "" for null
}

// Error is the message, with the field at fault.
func (e *Error) Error() string {
	if e.Param != "" {
		return e.Param + ": " + e.Message
	}
	return e.Message
}

// MarshalJSON writes the body of an answer.
func (e *Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Error errorBody `json:"error"`
	}{errorBody{e.Message, e.Type, null(e.Param), null(e.Code)}})
}

type errorBody struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   any    `json:"param"`
	Code    any    `json:"code"`
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// BadRequest is a 400 that names the field at fault.
func BadRequest(param, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Type: TypeInvalidRequest, Param: param, Message: fmt.Sprintf(format, args...)}
}

// NotFound is the 404 for a model that is not served.
func NotFound(model string) *Error {
	return &Error{Status: http.StatusNotFound, Type: TypeInvalidRequest, Param: "model", Code: CodeModelNotFound,
		Message: fmt.Sprintf("the model %.100q does not exist or nobody serves it", model)}
}

// TooLarge is the 413 for a body of more than limit bytes.
func TooLarge(limit int64) *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Type: TypeInvalidRequest, Code: CodeTooLarge,
		Message: fmt.Sprintf("the request is larger than %d bytes", limit)}
}

// ContextLength is the 400 for a prompt of tokens, with its answer, that does
// not fit into a context of limit tokens.
func ContextLength(limit, tokens int) *Error {
	return &Error{Status: http.StatusBadRequest, Type: TypeInvalidRequest, Param: "messages", Code: CodeContextLength,
		Message: "this model's maximum context length is " + strconv.Itoa(limit) + " tokens, but " + strconv.Itoa(tokens) + " were asked for"}
}

// RateLimit is a 429: the queue is full, or too many requests at once.
func RateLimit(message string) *Error {
	return &Error{Status: http.StatusTooManyRequests, Type: TypeRateLimit, Code: CodeRateLimit, Message: message}
}

// Payment is a 402: no budget, no credit.
func Payment(message string) *Error {
	return &Error{Status: http.StatusPaymentRequired, Type: TypeQuota, Code: CodeQuota, Message: message}
}

// Unavailable is a 503: nothing can serve this now.
func Unavailable(message string) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Type: TypeServer, Code: CodeUnavailable, Message: message}
}

// Upstream is a 502: who was asked failed.
func Upstream(message string) *Error {
	return &Error{Status: http.StatusBadGateway, Type: TypeUpstream, Code: CodeUpstream, Message: message}
}

// AsError is err as an error of the API. What is none becomes a 500 without
// its text, which may tell of paths and addresses.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Status: http.StatusInternalServerError, Type: TypeServer, Message: "internal error"}
}

// WriteError answers with err.
func WriteError(w http.ResponseWriter, err error) {
	e := AsError(err)
	body, _ := json.Marshal(e)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	_, _ = w.Write(append(body, '\n'))
}

// ReadError is the error of an answer with status and body: the body's own
// where it is an error of the API (in any of the shapes that engines use),
// otherwise one made of the status. The texts are cut.
func ReadError(status int, body []byte) *Error {
	out := &Error{Status: status, Type: TypeServer, Message: http.StatusText(status)}
	if status >= 400 && status < 500 {
		out.Type = TypeInvalidRequest
	}
	var in struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
		Type    string          `json:"type"`
		Param   any             `json:"param"`
		Code    any             `json:"code"`
	}
	if json.Unmarshal(body, &in) != nil {
		return out
	}
	message := in.Message
	if len(in.Error) > 0 && json.Unmarshal(in.Error, &message) != nil {
		in.Message = ""
		if json.Unmarshal(in.Error, &in) != nil {
			return out
		}
		message = in.Message
	}
	if message != "" {
		out.Message = cut(message, 2048)
	}
	if in.Type != "" {
		out.Type = cut(in.Type, 64)
	}
	if s, ok := in.Param.(string); ok {
		out.Param = cut(s, 128)
	}
	if s, ok := in.Code.(string); ok {
		out.Code = cut(s, 64)
	}
	return out
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
