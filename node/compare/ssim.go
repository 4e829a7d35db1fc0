package compare

import (
	"context"
	"image"
	"math"
	"math/bits"
)

const (
	window = 8 // pixels of a side
	stride = 4
	grid   = 8 // parts of a side

	manyPixels = 1 << 21 // from here on windows do not overlap

	// Constants of the paper for values from 0 to 255.
	c1 = (0.01 * 255) * (0.01 * 255)
	c2 = (0.03 * 255) * (0.03 * 255)
)

// similarity is the mean SSIM of red, green, blue and alpha over square windows,
// and the least mean of any of 8 by 8 parts. The images have the same bounds.
func similarity(ctx context.Context, a, b *image.RGBA) (mean, cell float64, err error) {
	w, h := a.Rect.Dx(), a.Rect.Dy()
	side, step := min(window, w, h), stride
	if w*h > manyPixels {
		step = window
	}
	var sums [grid * grid]float64
	var counts [grid * grid]int
	total, n := 0.0, 0
	for top := 0; top+side <= h; top = next(top, h, side, step) {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		for left := 0; left+side <= w; left = next(left, w, side, step) {
			s := (windowed(a, b, left, top, side, 0) + windowed(a, b, left, top, side, 1) +
				windowed(a, b, left, top, side, 2) + windowed(a, b, left, top, side, 3)) / 4
			at := (top+side/2)*grid/h*grid + (left+side/2)*grid/w
			sums[at] += s
			counts[at]++
			total += s
			n++
		}
	}
	cell = 1
	for i, c := range counts {
		if c > 0 {
			cell = min(cell, sums[i]/float64(c))
		}
	}
	return total / float64(n), cell, nil
}

// next moves a window on; the last one ends with the image.
func next(at, size, side, step int) int {
	if at+side >= size {
		return size
	}
	return min(at+min(step, side), size-side)
}

// windowed is the SSIM of one window of one colour.
func windowed(a, b *image.RGBA, left, top, side, channel int) float64 {
	var sa, sb, saa, sbb, sab int
	for y := top; y < top+side; y++ {
		at := y*a.Stride + 4*left + channel
		for i := at; i < at+4*side; i += 4 {
			p, q := int(a.Pix[i]), int(b.Pix[i])
			sa += p
			sb += q
			saa += p * p
			sbb += q * q
			sab += p * q
		}
	}
	n := float64(side * side)
	ma, mb := float64(sa)/n, float64(sb)/n
	va, vb := float64(saa)/n-ma*ma, float64(sbb)/n-mb*mb
	cov := float64(sab)/n - ma*mb
	return (2*ma*mb + c1) * (2*cov + c2) / ((ma*ma + mb*mb + c1) * (va + vb + c2))
}

// hash is a perceptual hash: the signs, about their median, of the 8 by 8 slowest
// cosines of the image's brightness in 32 by 32 parts, but for the constant one.
func hash(m *image.RGBA) uint64 {
	const n = 32
	parts := colours(m, n)
	var wave [8][n]float64
	for u := range wave {
		for x := range n {
			wave[u][x] = math.Cos(float64(2*x+1) * float64(u) * math.Pi / (2 * n))
		}
	}
	var out [64]float64
	for i, c := range parts {
		luma := 0.299*c[0] + 0.587*c[1] + 0.114*c[2]
		for v := range 8 {
			for u := range 8 {
				out[v*8+u] += luma * wave[u][i%n] * wave[v][i/n]
			}
		}
	}
	middle := median(out[1:])
	var h uint64
	for i, v := range out[1:] {
		// A step aside from the median keeps what is but rounding from being a bit.
		if v > middle+1e-6 {
			h |= 1 << i
		}
	}
	return h
}

// toneDistance is the root of the mean square by which the colours of 8 by 8
// parts differ, in levels.
func toneDistance(a, b *image.RGBA) float64 {
	x, y := colours(a, grid), colours(b, grid)
	sum := 0.0
	for i := range x {
		for c := range 4 {
			sum += (x[i][c] - y[i][c]) * (x[i][c] - y[i][c])
		}
	}
	return math.Sqrt(sum / float64(4*len(x)))
}

// colours is the mean of each of n by n parts.
func colours(m *image.RGBA, n int) [][4]float64 {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	sums, counts := make([][4]uint64, n*n), make([]uint64, n*n)
	for y := range h {
		for part := range n {
			// The pixels x of which x*n/w is this part.
			left, right := (part*w+n-1)/n, ((part+1)*w+n-1)/n
			at := y*n/h*n + part
			line := m.Pix[y*m.Stride+4*left : y*m.Stride+4*right]
			for i := 0; i < len(line); i += 4 {
				sums[at][0] += uint64(line[i])
				sums[at][1] += uint64(line[i+1])
				sums[at][2] += uint64(line[i+2])
				sums[at][3] += uint64(line[i+3])
			}
			counts[at] += uint64(right - left)
		}
	}
	out := make([][4]float64, n*n)
	for i, s := range sums {
		for c := range 4 {
			out[i][c] = float64(s[c]) / float64(max(counts[i], 1))
		}
	}
	return out
}

func hashDistance(a, b uint64) int { return bits.OnesCount64(a ^ b) }
