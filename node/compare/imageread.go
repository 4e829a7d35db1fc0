package compare

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
)

// Bounds of an image.
const (
	MaxPixels = 1 << 24 // of all frames together

	maxSide   = 1 << 15
	maxFrames = 1024
	maxScans  = 64 // of a JPEG: each is a pass over all of it
)

// shape is what is known of an image before it is decoded.
type shape struct {
	width, height int
	frames        int
	beside        []byte // what may change how it looks and is not in the pixels
}

// inspect reads the structure of an image without decoding it, and refuses what
// would decode to more than MaxPixels or takes too long.
func inspect(kind string, raw []byte) (s shape, err error) {
	switch kind {
	case "png":
		s, err = inspectPNG(raw)
	case "jpeg":
		s, err = inspectJPEG(raw)
	default:
		s, err = inspectGIF(raw)
	}
	if err != nil {
		return s, err
	}
	if s.width < 1 || s.height < 1 {
		return s, fmt.Errorf("%w: a picture without pixels", ErrMalformed)
	}
	return s, pixels(s.width, s.height)
}

func pixels(w, h int) error {
	if w > maxSide || h > maxSide || w*h > MaxPixels {
		return fmt.Errorf("%w: %d by %d pixels", ErrLarge, w, h)
	}
	return nil
}

var pngMagic = []byte("\x89PNG\r\n\x1a\n")

// inspectPNG walks over the chunks. Text and times are not looked at; colour
// spaces, orientation and the frames of an animation are beside the pixels.
func inspectPNG(raw []byte) (s shape, err error) {
	bad := func(what string) (shape, error) { return s, fmt.Errorf("%w: %s", ErrMalformed, what) }
	rest, ok := bytes.CutPrefix(raw, pngMagic)
	if !ok {
		return bad("no PNG")
	}
	s.frames = 1
	for first := true; ; first = false {
		if len(rest) < 12 {
			return bad("a PNG without its end")
		}
		n := uint64(binary.BigEndian.Uint32(rest))
		if n > uint64(len(rest)-12) {
			return bad("a chunk beyond the end")
		}
		kind, body := string(rest[4:8]), rest[8:8+n]
		rest = rest[12+n:]
		switch {
		case first && (kind != "IHDR" || n != 13):
			return bad("no PNG header")
		case first:
			s.width, s.height = int(binary.BigEndian.Uint32(body)), int(binary.BigEndian.Uint32(body[4:]))
		case kind == "IEND" && len(rest) > 0:
			return bad("bytes after the end")
		case kind == "IEND":
			return s, nil
		case kind == "IDAT" || kind == "PLTE" || kind == "tRNS":
		case kind == "tEXt" || kind == "zTXt" || kind == "iTXt" || kind == "tIME":
		default:
			s.beside = append(append(s.beside, kind...), body...)
		}
	}
}

// inspectJPEG walks over the segments up to the first scan.
func inspectJPEG(raw []byte) (s shape, err error) {
	bad := func(what string) (shape, error) { return s, fmt.Errorf("%w: %s", ErrMalformed, what) }
	if !bytes.HasPrefix(raw, []byte{0xff, 0xd8}) || !bytes.HasSuffix(raw, []byte{0xff, 0xd9}) {
		return bad("no JPEG from beginning to end")
	}
	if n := bytes.Count(raw, []byte{0xff, 0xda}); n > maxScans {
		return s, fmt.Errorf("%w: %d scans", ErrLarge, n)
	}
	s.frames = 1
	for rest := raw[2:]; ; {
		if len(rest) < 4 || rest[0] != 0xff {
			return bad("no segment where one should be")
		}
		if rest[1] == 0xff { // a fill byte
			rest = rest[1:]
			continue
		}
		kind, n := rest[1], int(binary.BigEndian.Uint16(rest[2:]))
		if n < 2 || n+2 > len(rest) {
			return bad("a segment beyond the end")
		}
		body := rest[4 : 2+n]
		rest = rest[2+n:]
		switch {
		case kind >= 0xc0 && kind <= 0xc2:
			if len(body) < 5 || s.width > 0 {
				return bad("no JPEG header")
			}
			s.height, s.width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
		case kind == 0xda:
			// What follows the first end is not decoded, and some look at it.
			if i := bytes.Index(rest, []byte{0xff, 0xd9}); i+2 < len(rest) {
				s.beside = append(s.beside, rest[i:]...)
			}
			return s, nil
		case kind >= 0xe1 && kind <= 0xef:
			s.beside = append(append(s.beside, kind), body...)
		}
	}
}

// inspectGIF walks over the blocks and adds up the frames.
func inspectGIF(raw []byte) (s shape, err error) {
	bad := func(what string) (shape, error) { return s, fmt.Errorf("%w: %s", ErrMalformed, what) }
	if len(raw) < 13 || string(raw[:4]) != "GIF8" {
		return bad("no GIF")
	}
	s.width, s.height = int(binary.LittleEndian.Uint16(raw[6:])), int(binary.LittleEndian.Uint16(raw[8:]))
	pos := 13 + table8(raw[10])
	total := 0
	for pos < len(raw) {
		switch raw[pos] {
		case 0x3b:
			if pos+1 != len(raw) {
				return bad("bytes after the end")
			}
			return s, nil
		case 0x21:
			pos += 2
		case 0x2c:
			if pos+10 > len(raw) {
				return bad("a GIF without its end")
			}
			w, h := int(binary.LittleEndian.Uint16(raw[pos+5:])), int(binary.LittleEndian.Uint16(raw[pos+7:]))
			total += w * h
			s.frames++
			if total > MaxPixels || s.frames > maxFrames {
				return s, fmt.Errorf("%w: more than %d pixels in %d frames", ErrLarge, MaxPixels, s.frames)
			}
			pos += 11 + table8(raw[pos+9])
		default:
			return bad("an unknown block")
		}
		for pos < len(raw) && raw[pos] != 0 {
			pos += 1 + int(raw[pos])
		}
		pos++
	}
	return bad("a GIF without its end")
}

// table8 is the size of the colour table that a packed field announces.
func table8(packed byte) int {
	if packed&0x80 == 0 {
		return 0
	}
	return 3 << (packed&7 + 1)
}

// decode decodes all frames, and says how they follow each other.
func decode(kind string, raw []byte) (frames []image.Image, timing string, err error) {
	var one image.Image
	switch kind {
	case "png":
		one, err = png.Decode(bytes.NewReader(raw))
	case "jpeg":
		one, err = jpeg.Decode(bytes.NewReader(raw))
	default:
		all, err := gif.DecodeAll(bytes.NewReader(raw))
		if err != nil {
			return nil, "", fmt.Errorf("%w: %.80q", ErrMalformed, err)
		}
		for _, p := range all.Image {
			frames = append(frames, p)
		}
		return frames, fmt.Sprint(all.Delay, all.Disposal, all.LoopCount), nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("%w: %.80q", ErrMalformed, err)
	}
	return []image.Image{one}, "", nil
}

// flat is an image as 8 bits of red, green, blue and alpha each.
func flat(m image.Image) *image.RGBA {
	b := m.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(out, out.Bounds(), m, b.Min, draw.Src)
	return out
}
