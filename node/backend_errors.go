package node

import (
	"errors"
	"fmt"

	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/node/hub"
)

// contentError gives the failures of the store the codes that people's
// programs branch on.
func contentError(err error) error {
	var coded *api.Error
	switch {
	case errors.As(err, &coded):
		return err
	case errors.Is(err, gguf.ErrPickle):
		return api.Errorf(api.CodeRefused, "most models are published as safetensors or GGUF too", "%v", err)
	case errors.Is(err, content.ErrNotModel):
		return api.Errorf(api.CodeBadRequest, "infernet data add takes files of any kind", "%v", err)
	case errors.Is(err, gguf.ErrTruncated), errors.Is(err, gguf.ErrMalformed), errors.Is(err, gguf.ErrVersion):
		return api.Errorf(api.CodeBadRequest, "get the file again", "%v", err)
	case errors.Is(err, gguf.ErrLimit), errors.Is(err, hub.ErrTooBig):
		return api.Errorf(api.CodeTooLarge, "", "%v", err)
	case errors.Is(err, hub.ErrRef):
		return api.Errorf(api.CodeBadRequest, "", "%v", err)
	case errors.Is(err, hub.ErrNotFound):
		return api.Errorf(api.CodeNotFound, "look at the repository's list of files", "%v", err)
	case errors.Is(err, hub.ErrDenied):
		return api.Errorf(api.CodeRefused, "accept the model's terms on its page, then start the node with HF_TOKEN set", "%v", err)
	case errors.Is(err, hub.ErrBusy):
		return api.Errorf(api.CodeConflict, "wait until it is done", "%v", err)
	case errors.Is(err, hub.ErrIncomplete):
		return api.Errorf(api.CodeNoContent, "ask again: it goes on where it ended", "%v", err)
	case errors.Is(err, hub.ErrHash), errors.Is(err, hub.ErrServer), errors.Is(err, hub.ErrRedirect):
		return api.Errorf(api.CodeNoContent, "HF_ENDPOINT of the node names another server", "%v", err)
	}
	if e := storeError(err); e != nil {
		return e
	}
	return fmt.Errorf("content: %w", err)
}
