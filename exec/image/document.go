package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"infernet.tech/infernet/exec"
)

// Media types of Docker's own, which say the same as those of OCI.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// maxList is the most elements read of any list of a document: three bytes of
// JSON become a descriptor of hundreds.
const maxList = 512

// list is a list of JSON that ends the reading when it is too long.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(raw []byte) error {
	*l = nil
	d := json.NewDecoder(bytes.NewReader(raw))
	open, err := d.Token()
	if err != nil || open == nil {
		return err
	}
	if open != json.Delim('[') {
		return bad("a list that is none")
	}
	for d.More() {
		if len(*l) >= maxList {
			return fmt.Errorf("%w: a list of more than %d elements", exec.ErrImageTooBig, maxList)
		}
		var v T
		if err := d.Decode(&v); err != nil {
			return err
		}
		*l = append(*l, v)
	}
	return nil
}

// document is an index or a manifest.
type document struct {
	specs.Versioned
	MediaType   string                   `json:"mediaType"`
	Manifests   list[ocispec.Descriptor] `json:"manifests"`
	Config      *ocispec.Descriptor      `json:"config"`
	Layers      list[ocispec.Descriptor] `json:"layers"`
	Annotations map[string]string        `json:"annotations"`
	index       bool
	raw         []byte
}

// parseDocument tells an index from a manifest by what is in it, and refuses
// what could be taken for either: two readers must not see two images under one
// digest.
func parseDocument(raw []byte) (document, error) {
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		return d, fmt.Errorf("%w: manifest: %w", exec.ErrImage, err)
	}
	d.index = d.Manifests != nil
	isManifest := d.Config != nil || d.Layers != nil
	if d.SchemaVersion != 2 {
		return d, bad("manifest schema %d", d.SchemaVersion)
	}
	switch d.MediaType {
	case ocispec.MediaTypeImageIndex, dockerIndex:
		d.index = true
	case ocispec.MediaTypeImageManifest, dockerManifest:
		isManifest = true
	case "":
	default:
		return d, bad("manifest of type %.80q", d.MediaType)
	}
	if d.index && isManifest {
		return d, bad("a manifest that is an index too")
	}
	if !d.index && d.Config == nil {
		return d, bad("a manifest without a config")
	}
	return d, nil
}

// mediaType is what the document is served as.
func (d document) mediaType() string {
	switch {
	case d.MediaType != "":
		return d.MediaType
	case d.index:
		return ocispec.MediaTypeImageIndex
	}
	return ocispec.MediaTypeImageManifest
}

func (d document) manifest() ocispec.Manifest {
	return ocispec.Manifest{
		Versioned: d.Versioned, MediaType: d.MediaType, Config: *d.Config, Layers: d.Layers, Annotations: d.Annotations,
	}
}

// parseConfig leaves the history out, which nothing here needs.
func parseConfig(raw []byte) (ocispec.Image, error) {
	var c struct {
		ocispec.Platform
		Config ocispec.ImageConfig `json:"config"`
		RootFS ocispec.RootFS      `json:"rootfs"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return ocispec.Image{}, fmt.Errorf("%w: config: %w", exec.ErrImage, err)
	}
	return ocispec.Image{Platform: c.Platform, Config: c.Config, RootFS: c.RootFS}, nil
}

// isImage tells a descriptor of an image from one of something said about an
// image, such as BuildKit's attestations.
func isImage(d ocispec.Descriptor) bool {
	switch d.MediaType {
	case ocispec.MediaTypeImageIndex, dockerIndex, ocispec.MediaTypeImageManifest, dockerManifest, "":
	default:
		return false
	}
	switch d.ArtifactType { // some tools say of an image that it is one
	case "", ocispec.MediaTypeImageConfig, "application/vnd.docker.container.image.v1+json":
	default:
		return false
	}
	unknown := d.Platform != nil && d.Platform.OS == "unknown"
	return !unknown && d.Annotations["vnd.docker.reference.type"] == ""
}

func foreign(d ocispec.Descriptor) bool {
	return len(d.URLs) > 0 || strings.Contains(d.MediaType, "foreign") || strings.Contains(d.MediaType, "nondistributable")
}
