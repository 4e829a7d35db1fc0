package gpu

import (
	"bytes"
	"encoding/binary"
	"path"
)

// maxCache bounds ld.so.cache; a large one has 200 KB.
const maxCache = 16 << 20

// The two forms of the cache: the old one may stand before the new one, which
// is aligned to eight bytes. See glibc, sysdeps/generic/dl-cache.h.
const (
	oldMagic, oldHeader, oldEntry = "ld.so-1.7.0", 16, 12
	newMagic, newHeader, newEntry = "glibc-ld.so.cache1.1", 48, 24
)

// parseCache returns the paths of each name in a little-endian ld.so.cache, in
// its order, which is the loader's. What is not understood is left out: the
// caller looks at each file before it is used.
func parseCache(raw []byte) map[string][]string {
	out := map[string][]string{}
	if bytes.HasPrefix(raw, []byte(oldMagic)) && len(raw) >= oldHeader {
		skip := oldHeader + uint64(binary.LittleEndian.Uint32(raw[12:]))*oldEntry
		if skip = (skip + 7) &^ 7; skip > uint64(len(raw)) {
			return out
		}
		raw = raw[skip:]
	}
	if !bytes.HasPrefix(raw, []byte(newMagic)) || len(raw) < newHeader {
		return out
	}
	// Byte 28 tells the order of bytes: 0 not told, 2 little, 3 big.
	if order := raw[28] & 3; order != 0 && order != 2 {
		return out
	}
	count := min(uint64(binary.LittleEndian.Uint32(raw[20:])), uint64(len(raw)-newHeader)/newEntry)
	for i := range count {
		e := raw[newHeader+i*newEntry:]
		name := cString(raw, binary.LittleEndian.Uint32(e[4:]))
		at := cString(raw, binary.LittleEndian.Uint32(e[8:]))
		if name != "" && path.IsAbs(at) && len(out[name]) < 16 {
			out[name] = append(out[name], at)
		}
	}
	return out
}

// cString reads a text that ends in a zero byte, of at most 4 KiB.
func cString(raw []byte, at uint32) string {
	if uint64(at) >= uint64(len(raw)) {
		return ""
	}
	rest := raw[at:min(uint64(len(raw)), uint64(at)+maxAttr)]
	end := bytes.IndexByte(rest, 0)
	if end < 0 {
		return ""
	}
	return string(rest[:end])
}
