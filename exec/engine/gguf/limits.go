package gguf

// Limits bounds what a header may take. Zero fields mean the default.
type Limits struct {
	Bytes   int64  // of the whole header; 64 MiB
	Keys    uint64 // metadata keys; 65,536
	Tensors uint64 // 100,000
	String  uint64 // bytes of one string that is kept; 1 MiB
	Items   uint64 // of one array, whether kept or passed over; 4 Mi
	Depth   int    // arrays inside arrays; 4
	Files   int    // of a folder; 1,000
}

// DefaultLimits has room for every model in use: vocabularies of 262,144
// tokens take some 12 MiB, headers of the largest models some thousand tensors.
func DefaultLimits() Limits {
	return Limits{Bytes: 64 << 20, Keys: 1 << 16, Tensors: 100_000, String: 1 << 20, Items: 4 << 20, Depth: 4, Files: 1000}
}

func (l Limits) filled() Limits {
	d := DefaultLimits()
	if l.Bytes <= 0 {
		l.Bytes = d.Bytes
	}
	if l.Keys == 0 {
		l.Keys = d.Keys
	}
	if l.Tensors == 0 {
		l.Tensors = d.Tensors
	}
	if l.String == 0 {
		l.String = d.String
	}
	if l.Items == 0 {
		l.Items = d.Items
	}
	if l.Depth <= 0 {
		l.Depth = d.Depth
	}
	if l.Files <= 0 {
		l.Files = d.Files
	}
	return l
}
