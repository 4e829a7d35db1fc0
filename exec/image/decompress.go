package image

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"

	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// zstdWindow bounds the memory a zstd stream may ask for; common encoders stay
// at or below it on every level but the "ultra" ones.
const zstdWindow = 8 << 20

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// decompress looks at the first bytes of r and unpacks gzip and zstd; anything
// else passes as it is. It returns the media type of a layer so packed.
func decompress(r io.Reader) (io.ReadCloser, string, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	head, err := br.Peek(4)
	if err != nil && err != io.EOF {
		return nil, "", err
	}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(br)
		return z, ocispec.MediaTypeImageLayerGzip, err
	case bytes.HasPrefix(head, zstdMagic):
		z, err := zstd.NewReader(br,
			zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, "", err
		}
		return z.IOReadCloser(), ocispec.MediaTypeImageLayerZstd, nil
	}
	return io.NopCloser(br), ocispec.MediaTypeImageLayer, nil
}
