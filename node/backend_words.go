package node

import (
	"errors"
	"io/fs"
	"regexp"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/engine/gguf"
	"infernet.tech/infernet/exec/image"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/content"
	"infernet.tech/infernet/store/blob"
)

// storeWords are the failures of the store and of transfers as programs and
// people hear them; the first that fits counts, so causes come before what
// they cause.
var storeWords = []struct {
	err  error
	code api.Code
	hint string
}{
	{blob.ErrQuota, api.CodeQuotaFull, "infernet data list shows what is kept: unpin what is not needed, or take its name away (infernet data rm NAME); or start the node with a larger --quota"},
	{blob.ErrNoSpace, api.CodeDiskFull, "make room on the disk, or run: infernet data gc; a download goes on where it was"},
	{content.ErrPrice, api.CodeRefused, "pay more with --max-price CREDITS (per GiB), or ask again when others have it"},
	{blob.ErrProfile, api.CodeBadRequest, "take the files out of it and add them here: infernet data add PATH; or make it with ipfs add --cid-version 1 --raw-leaves --chunker size-1048576 --max-file-links 1024"},
	{blob.ErrCAR, api.CodeBadRequest, "make the CAR again (ipfs dag export CID); to add the file itself leave --car out"},
	{blob.ErrDAG, api.CodeRefused, "the content itself is made wrong, whoever sends it: ask its author for another"},
	{blob.ErrTooBig, api.CodeTooLarge, "allow more with --max-bytes, if that is what you want"},
	{blob.ErrName, api.CodeRefused, "give the file another name and add the folder again"},
	{blob.ErrFileType, api.CodeBadRequest, "links, devices and sockets are not taken in: add the files that they stand for"},
	{blob.ErrIsDir, api.CodeBadRequest, "infernet data export writes the folder out; add the file that is meant"},
	{blob.ErrChanged, api.CodeConflict, "put the file back as it was, or add it again, which gives it another CID"},
	{blob.ErrCorrupt, api.CodeInternal, "the disk may be failing: infernet data verify tells all that is bad, infernet data get CID fetches it anew"},
	{blob.ErrInUse, api.CodeConflict, "wait until what uses it has ended"},
	{blob.ErrRefused, api.CodeRefused, "that node does not have it, does not give it to everybody, or has given all that it gives in a day: its owner can, with infernet data share CID, or a larger --upload-cap"},
	{content.ErrNotGranted, api.CodeRefused, "that node does not have it, does not give it to everybody, or has given all that it gives in a day: its owner can, with infernet data share CID, or a larger --upload-cap"},
	{blob.ErrBadBlock, api.CodeNoContent, "who sent wrong bytes is not asked again: name another node with --from"},
	{blob.ErrProtocol, api.CodeNoContent, "who broke the protocol is not asked again: name another node with --from"},
	{blob.ErrStalled, api.CodeNoContent, "ask again: it goes on where it was"},
	{blob.ErrCut, api.CodeNoContent, "ask again: it goes on where it was"},
	{blob.ErrCID, api.CodeNotFound, "infernet data list shows the names and CIDs of what is here; a CID is copied whole"},
	{blob.ErrNoSource, api.CodeNoContent, "does a node that has it run, and share it? name it with --from; infernet status tells whether this one is connected"},
	{blob.ErrNotHave, api.CodeNoContent, "infernet data get CID fetches it; infernet data list shows what is here"},
	{content.ErrUntold, api.CodeNotFound, "does a node that has it run, and share it? infernet status tells whether this one is connected"},
	{content.ErrNoName, api.CodeNotFound, "infernet data list shows what is here"},
	{content.ErrAmbiguous, api.CodeBadRequest, "say which one: by its CID or whole name"},
	{image.ErrPlatform, api.CodeRefused, "build the image for this machine's platform too: docker buildx build --platform"},
	{image.ErrSeveral, api.CodeBadRequest, "save one image by itself: docker save NAME -o FILE"},
	{gguf.ErrFormat, api.CodeBadRequest, "infernet data add takes files of any kind"},
	{exec.ErrImageTooBig, api.CodeTooLarge, "leave out what the image does not need, and build it again"},
	{exec.ErrImage, api.CodeBadRequest, "make it with docker save NAME -o FILE, or as an OCI layout; nothing of it was kept"},
	{fs.ErrExist, api.CodeConflict, "nothing is ever overwritten: choose a path that does not exist yet"},
	{fs.ErrPermission, api.CodeNoRights, "choose a path that the user whose node this is may use"},
	{fs.ErrNotExist, api.CodeNotFound, "is the path right, and the folder there that it is in?"},
}

// storeError gives a failure of the store its code and hint; nil for errors of
// others.
func storeError(err error) *api.Error {
	for _, w := range storeWords {
		if errors.Is(err, w.err) {
			return api.Errorf(w.code, w.hint, "%s", plainWords(err))
		}
	}
	return nil
}

var packageNames = regexp.MustCompile(`(^|: |\n)(?:blob|chain|compare|container|content|exec|holders|image|lightning|mirror|payments|polygon|polygon rail): `)

// dialing is how gRPC wraps why it did not connect.
var dialing = regexp.MustCompile(`connection error: desc = "(?:transport: )?(?:Error while dialing: )?([^"]*)"`)

// plainWords is an error without the names of our packages, and of parts that
// they use: they tell its reader nothing, and a wrapped error has many.
func plainWords(err error) string {
	return packageNames.ReplaceAllString(dialing.ReplaceAllString(err.Error(), "$1"), "$1")
}
