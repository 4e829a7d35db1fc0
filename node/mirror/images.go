package mirror

import "context"

// Images finds images, here or in the network. It decides what may be seen and
// what may be fetched; all its methods may be called at once.
type Images interface {
	// ByName finds the image that a name stands for and brings it here, which
	// may take as long as its download does. ErrUnknown when there is none.
	ByName(ctx context.Context, ref Ref) (Image, error)
	// ByDigest does so for the digest of an image's index or manifest.
	ByDigest(ctx context.Context, digest string) (Image, error)
	// List names the images here that everybody may know of, in any order.
	List(ctx context.Context) ([]Ref, error)
}

// Image is an image that is here, in an OCI layout folder.
type Image struct {
	Digest string // of the index or manifest, which Dir holds
	Dir    string
	// Release says that Dir is no longer read. It may be nil.
	Release func()
}

func (i Image) release() {
	if i.Release != nil {
		i.Release()
	}
}
