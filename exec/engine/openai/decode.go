package openai

import "encoding/json"

// Limits bound a request. The size of the body is the caller's to bound.
type Limits struct {
	Messages int  // in a chat
	List     int  // stop texts, biases, tools, parts of a message, inputs
	Depth    int  // of nested lists and objects
	Media    bool // parts other than text are let through, in Part.Raw
}

// DefaultLimits are those of DecodeChat, DecodeCompletion and
// DecodeEmbedding.
func DefaultLimits() Limits { return Limits{Messages: 2048, List: 256, Depth: 64} }

// DecodeChat reads the body of a chat request within the default limits. Its
// errors are of type *Error and name the field at fault.
func DecodeChat(body []byte) (ChatRequest, error) { return DefaultLimits().DecodeChat(body) }

// DecodeCompletion reads the body of a completion request, as DecodeChat.
func DecodeCompletion(body []byte) (CompletionRequest, error) {
	return DefaultLimits().DecodeCompletion(body)
}

// DecodeEmbedding reads the body of an embedding request, as DecodeChat.
func DecodeEmbedding(body []byte) (EmbeddingRequest, error) {
	return DefaultLimits().DecodeEmbedding(body)
}

// DecodeChat reads the body of a chat request.
func (l Limits) DecodeChat(body []byte) (ChatRequest, error) {
	var r ChatRequest
	if err := json.Unmarshal(body, &r); err != nil {
		return r, BadRequest("", "%v", err)
	}
	return r, nil
}

// DecodeCompletion reads the body of a completion request.
func (l Limits) DecodeCompletion(body []byte) (CompletionRequest, error) {
	var r CompletionRequest
	if err := json.Unmarshal(body, &r); err != nil {
		return r, BadRequest("", "%v", err)
	}
	return r, nil
}

// DecodeEmbedding reads the body of an embedding request.
func (l Limits) DecodeEmbedding(body []byte) (EmbeddingRequest, error) {
	var r EmbeddingRequest
	if err := json.Unmarshal(body, &r); err != nil {
		return r, BadRequest("", "%v", err)
	}
	return r, nil
}
