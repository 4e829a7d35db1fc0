package compare_test

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io/fs"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"

	"infernet.tech/infernet/node/compare"
)

// painting is a picture of soft shapes, and a little grain, of a seed.
func painting(seed uint64, w, h int) *image.NRGBA {
	r := rand.New(rand.NewPCG(seed, 3))
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	var waves [12][5]float64
	for i := range waves {
		waves[i] = [5]float64{r.Float64() * 0.2, r.Float64() * 0.2, r.Float64() * 6, float64(r.IntN(3)), 20 + 25*r.Float64()}
	}
	for y := range h {
		for x := range w {
			v := [3]float64{128, 120, 110}
			for _, p := range waves {
				v[int(p[3])] += p[4] * math.Sin(p[0]*float64(x)+p[1]*float64(y)+p[2])
			}
			for c := range 3 {
				m.Pix[m.PixOffset(x, y)+c] = level(v[c] + 6*r.NormFloat64())
			}
			m.Pix[m.PixOffset(x, y)+3] = 255
		}
	}
	return m
}

func level(v float64) uint8 { return uint8(min(max(v, 0), 255)) }

// grain is what rounding in 16 bits leaves of a picture: levels off by a little.
func grain(m *image.NRGBA, seed uint64, by float64) *image.NRGBA {
	r := rand.New(rand.NewPCG(seed, 9))
	out := copyOf(m)
	for i := range out.Pix {
		if i%4 != 3 {
			out.Pix[i] = level(float64(out.Pix[i]) + math.Round(by*r.NormFloat64()))
		}
	}
	return out
}

func copyOf(m *image.NRGBA) *image.NRGBA {
	return &image.NRGBA{Pix: slices.Clone(m.Pix), Stride: m.Stride, Rect: m.Rect}
}

func encodeImage(t testing.TB, name string, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch name {
	case "x.png":
		err = png.Encode(&b, m)
	case "x.jpg":
		err = jpeg.Encode(&b, m, &jpeg.Options{Quality: 90})
	case "x.gif":
		err = gif.Encode(&b, m, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func imageFile(t testing.TB, name string, m image.Image) fs.FS {
	return one(name, encodeImage(t, name, m))
}

func TestImageHonest(t *testing.T) {
	t.Parallel()
	c := comparator(t, "image")
	for _, name := range []string{"x.png", "x.jpg"} {
		matched, runs := 0, times(40)
		for seed := range uint64(runs) {
			m := painting(seed, 96, 80)
			o, err := c.Compare(t.Context(), imageFile(t, name, m), imageFile(t, name, grain(m, seed, 0.7)))
			if err != nil || o.Answer == compare.Mismatch {
				t.Fatalf("%s: %+v, %v", name, o, err)
			}
			if o.Answer == compare.Match {
				matched++
			}
		}
		if matched < runs*95/100 {
			t.Errorf("%s: only %d of %d agree", name, matched, runs)
		}
	}
}

func TestImageFaults(t *testing.T) {
	t.Parallel()
	c := comparator(t, "image")
	for seed := range uint64(times(3)) {
		m, other := painting(seed, 96, 80), painting(seed+1000, 96, 80)
		patched, swapped, upside, faint := copyOf(m), copyOf(m), copyOf(m), copyOf(m)
		for y := 20; y < 44; y++ {
			copy(patched.Pix[y*patched.Stride+80:y*patched.Stride+200], other.Pix[y*patched.Stride+80:])
		}
		for i := 0; i < len(m.Pix); i += 4 {
			swapped.Pix[i], swapped.Pix[i+2] = m.Pix[i+2], m.Pix[i]
			copy(upside.Pix[i:i+4], m.Pix[len(m.Pix)-4-i:])
			faint.Pix[i+3] = 40
		}
		for name, fault := range map[string]image.Image{
			"another picture": other, "a part of another": patched, "colours swapped": swapped,
			"upside down": upside, "nothing": image.NewNRGBA(m.Rect), "smaller": painting(seed, 95, 80),
		} {
			if o := try(t, c, imageFile(t, "x.png", m), imageFile(t, "x.png", fault)); o.Answer != compare.Mismatch {
				t.Errorf("%s: %+v", name, o)
			}
		}
		for name, fault := range map[string]image.Image{"much noise": grain(m, seed, 12), "nearly transparent": faint} {
			if o := try(t, c, imageFile(t, "x.png", m), imageFile(t, "x.png", fault)); o.Answer == compare.Match {
				t.Errorf("%s: %+v", name, o)
			}
		}
	}
}

// chunk puts a chunk behind the header of a PNG.
func chunk(raw []byte, kind string, body []byte) []byte {
	c := append([]byte{0, 0, 0, byte(len(body))}, kind...)
	c = append(append(c, body...), crc(append([]byte(kind), body...))...)
	return slices.Concat(raw[:33], c, raw[33:])
}

// What a decoder does not show is not said to agree.
func TestImageBeside(t *testing.T) {
	t.Parallel()
	c := comparator(t, "image")
	m := painting(1, 40, 40)
	p, j := encodeImage(t, "x.png", m), encodeImage(t, "x.jpg", m)
	animated := func(delay int) []byte {
		pal := image.NewPaletted(m.Rect, color.Palette{color.Black, color.White})
		var b bytes.Buffer
		if err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{pal, pal}, Delay: []int{10, delay}}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	exif := slices.Concat(j[:2], []byte{0xff, 0xe1, 0, 6, 'E', 'x', 'i', 'f'}, j[2:])
	for _, v := range []struct {
		name string
		a, b []byte
		want compare.Answer
		says string
	}{
		{"x.png", p, chunk(p, "tEXt", []byte("seed\x001")), compare.Match, ""},
		{"x.png", p, chunk(p, "eXIf", []byte("turned")), compare.Inconclusive, "beside the pixels"},
		{"x.png", p, chunk(p, "acTL", []byte("12345678")), compare.Inconclusive, "beside the pixels"},
		{"x.png", p, append(slices.Clone(p), 'x'), compare.Mismatch, "after the end"},
		{"x.png", p, p[:len(p)-20], compare.Mismatch, ""},
		{"x.png", p, j, compare.Mismatch, "no PNG"},
		{"x.jpg", j, exif, compare.Inconclusive, "beside the pixels"},
		{"x.jpg", j, slices.Concat(j, j), compare.Inconclusive, "beside the pixels"},
		{"x.jpg", j, append(slices.Clone(j), 'x'), compare.Mismatch, ""},
		{"x.gif", animated(10), animated(11), compare.Mismatch, ""},
		{"x.gif", animated(10), append(animated(10), 0), compare.Mismatch, "after the end"},
		{"x.webp", p, j, compare.Inconclusive, "no picture is in either"},
		{"x.txt", []byte("0.31 s"), []byte("0.29 s"), compare.Inconclusive, "no picture is in either"},
	} {
		want(t, c, one(v.name, v.a), one(v.name, v.b), v.want, v.says)
	}
}

// What is written beside pictures is held to the byte.
func TestImageWithText(t *testing.T) {
	t.Parallel()
	p := encodeImage(t, "x.png", painting(1, 40, 40))
	with := func(text string) fs.FS { return fstest.MapFS{"x.png": {Data: p}, "note.txt": {Data: []byte(text)}} }
	c := comparator(t, "image")
	want(t, c, with("one"), with("two"), compare.Mismatch, "note.txt")
	want(t, c, with("one"), with("one"), compare.Match, "")
}

// Every size and kind of pixel can be compared.
func TestImageShapes(t *testing.T) {
	t.Parallel()
	c := comparator(t, "image")
	for _, r := range []image.Rectangle{image.Rect(0, 0, 1, 1), image.Rect(0, 0, 7, 3), image.Rect(0, 0, 1, 200), image.Rect(0, 0, 33, 9)} {
		for _, m := range []struct {
			a, b interface {
				image.Image
				Set(x, y int, c color.Color)
			}
		}{
			{image.NewGray(r), image.NewGray(r)}, {image.NewGray16(r), image.NewGray16(r)}, {image.NewRGBA64(r), image.NewRGBA64(r)},
			{image.NewPaletted(r, color.Palette{color.Black, color.White}), image.NewPaletted(r, color.Palette{color.Black, color.White})},
		} {
			m.b.Set(0, 0, color.White)
			o := try(t, c, imageFile(t, "x.png", m.a), imageFile(t, "x.png", m.b))
			if r.Dx()*r.Dy() == 1 && o.Answer == compare.Match {
				t.Errorf("black is white: %+v", o)
			}
		}
	}
}
