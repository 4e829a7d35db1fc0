package hub

import "errors"

var (
	// ErrRef says that a reference is not of the form hf:OWNER/REPO/FILE[@REVISION].
	ErrRef = errors.New("not of the form hf:OWNER/REPO/FILE or hf:OWNER/REPO/FILE@REVISION")
	// ErrNotFound says that the server has no such file or revision.
	ErrNotFound = errors.New("the hub has no such file")
	// ErrDenied says that the file needs an access token, or another one.
	ErrDenied = errors.New("the hub refuses access")
	// ErrTooBig says that the file is larger than allowed.
	ErrTooBig = errors.New("the file is larger than allowed")
	// ErrHash says that the bytes that came are not those the server told of.
	ErrHash = errors.New("the downloaded bytes do not match the hub's hash")
	// ErrIncomplete says that the transfer ended too early every time it was
	// tried; what came is kept and the next download goes on from there.
	ErrIncomplete = errors.New("the download ended too early")
	// ErrServer says that the server answered with something else than the file.
	ErrServer = errors.New("unexpected answer of the hub")
	// ErrRedirect refuses a redirect: to plain http, or one too many.
	ErrRedirect = errors.New("the hub redirects where it may not")
	// ErrBusy says that the same file is being downloaded already.
	ErrBusy = errors.New("this file is being downloaded already")
)
