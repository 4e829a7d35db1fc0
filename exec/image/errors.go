package image

import "errors"

var (
	// ErrPlatform says that an image has nothing that runs on this machine. It
	// comes together with exec.ErrImage.
	ErrPlatform = errors.New("image is not for this machine")
	// ErrSeveral says that an archive or folder holds several images and none
	// of them was named. It comes together with exec.ErrImage.
	ErrSeveral = errors.New("several images")
)
