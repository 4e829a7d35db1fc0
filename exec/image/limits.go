package image

// Limits bound what a stranger's image may cost to read and unpack. Zero means
// the default.
type Limits struct {
	ManifestBytes   int64 // of the index, the manifest and the config, each
	Layers          int   // of one manifest
	Manifests       int   // below an index: one for each platform, and attestations
	CompressedBytes int64 // of all layers as they lie in the layout, of all platforms together
	Bytes           int64 // of all layers of one manifest, uncompressed
	Entries         int   // files, folders and links of all layers of one manifest
	Ratio           int64 // uncompressed bytes to those of the layers as they lie, beyond the first 16 MiB
}

// DefaultLimits allow large model-serving images and no bombs.
func DefaultLimits() Limits {
	return Limits{
		ManifestBytes:   4 << 20,
		Layers:          128, // Docker's own limit is 127
		Manifests:       64,
		CompressedBytes: 20 << 30,
		Bytes:           60 << 30,
		Entries:         1_000_000,
		Ratio:           200,
	}
}

// WithDefaults returns l with every zero replaced by that of d.
func (l Limits) WithDefaults(d Limits) Limits {
	l.ManifestBytes = orDefault(l.ManifestBytes, d.ManifestBytes)
	l.Layers = orDefault(l.Layers, d.Layers)
	l.Manifests = orDefault(l.Manifests, d.Manifests)
	l.CompressedBytes = orDefault(l.CompressedBytes, d.CompressedBytes)
	l.Bytes = orDefault(l.Bytes, d.Bytes)
	l.Entries = orDefault(l.Entries, d.Entries)
	l.Ratio = orDefault(l.Ratio, d.Ratio)
	return l
}

func orDefault[T int | int64](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}
