package plot

import (
	"fmt"
	"slices"
)

const (
	barLeft   = 130.0 // room for the names
	barHeight = 13.0
	barGap    = 10.0 // between names
)

// drawBars lays bars out from left to right, so that their names stay readable;
// the scale below is that of Y.
func (c Chart) drawBars() []byte {
	var names, groups []string
	values := []float64{}
	for _, b := range c.Bars {
		if !slices.Contains(names, b.Name) {
			names = append(names, b.Name)
		}
		if !slices.Contains(groups, b.Group) {
			groups = append(groups, b.Group)
		}
		values = append(values, b.Value, b.Low, b.High)
	}
	row := barHeight*float64(len(groups)) + barGap
	h := top + row*float64(len(names)) + bottom
	right, base := width-legend, h-bottom
	x := newScale(c.Y, values, barLeft, right)
	var v canvas
	v.open(width, h)
	v.patterns(len(groups))
	c.head(&v)
	for _, t := range x.ticks {
		v.line(x.at(t), top, x.at(t), base, grid)
		v.text(x.at(t), base+19, "middle", "", c.Y.word(t))
	}
	for _, b := range c.Bars {
		g := slices.Index(groups, b.Group)
		y := top + row*float64(slices.Index(names, b.Name)) + barGap/2 + barHeight*float64(g)
		v.bar(g, x, y, b)
	}
	for i, n := range names {
		v.text(barLeft-8, top+row*(float64(i)+0.5)+4, "end", "", cut(n, 18))
	}
	zero := x.at(0)
	if c.Y.Log {
		zero = barLeft
	}
	v.line(zero, top, zero, base, frame)
	v.line(barLeft, base, right, base, frame)
	v.text((barLeft+right)/2, h-14, "middle", "", c.Y.Label)
	for i, g := range groups {
		if g == "" {
			continue
		}
		y := top + 8 + 22*float64(i)
		v.printf(`<rect x="%.1f" y="%.1f" width="26" height="12" fill="url(#g%d)" stroke="#222"/>`, right+18, y-6, i%len(styles))
		v.text(right+52, y+4, "start", "", cut(g, 22))
	}
	return v.close()
}

func (v *canvas) bar(g int, x scale, y float64, b Bar) {
	from := x.from
	if !x.log {
		from = x.at(0)
	}
	to := x.at(b.Value)
	v.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="url(#g%d)" stroke="#222" stroke-width="0.8"><title>%s</title></rect>`,
		min(from, to), y, max(from, to)-min(from, to), barHeight-2, g%len(styles),
		escaper.Replace(fmt.Sprintf("%s %s: %g [%g, %g]", b.Name, b.Group, b.Value, b.Low, b.High)))
	if b.Low != b.High {
		mid := y + (barHeight-2)/2
		v.whisker(x.at(b.Low), mid, x.at(b.High), mid)
	}
}
