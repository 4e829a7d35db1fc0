package plot

import (
	"fmt"
	"math"
	"strings"
)

const (
	width   = 820.0
	height  = 440.0
	left    = 74.0
	top     = 62.0
	bottom  = 54.0
	legend  = 200.0 // at the right, beside the data
	markGap = 42.0  // least distance between two marks of a line
)

// SVG draws the chart. The same chart is the same bytes.
func (c Chart) SVG() []byte {
	if len(c.Bars) > 0 {
		return c.drawBars()
	}
	return c.drawLines()
}

func (c Chart) drawLines() []byte {
	var xs, ys []float64
	for _, l := range c.Lines {
		for _, p := range l.Points {
			xs, ys = append(xs, p.X), append(ys, p.Y)
			if p.Low != p.High {
				ys = append(ys, p.Low, p.High)
			}
		}
	}
	right := width - legend
	x := newScale(c.X, xs, left, right)
	y := newScale(c.Y, ys, height-bottom, top)
	var v canvas
	v.open(width, height)
	c.head(&v)
	for _, t := range y.ticks {
		v.line(left, y.at(t), right, y.at(t), grid)
		v.text(left-8, y.at(t)+4, "end", "", c.Y.word(t))
	}
	for _, t := range x.ticks {
		v.line(x.at(t), height-bottom, x.at(t), height-bottom+5, frame)
		v.text(x.at(t), height-bottom+19, "middle", "", c.X.word(t))
	}
	v.line(left, height-bottom, right, height-bottom, frame)
	v.line(left, top, left, height-bottom, frame)
	v.text((left+right)/2, height-14, "middle", "", c.X.Label)
	mid := (top + height - bottom) / 2
	v.text(18, mid, "middle", fmt.Sprintf(` transform="rotate(-90 18 %.1f)"`, mid), c.Y.Label)
	for i, l := range c.Lines {
		v.curve(i, l, x, y)
		v.key(i, l.Name, right+18, top+8+22*float64(i))
	}
	return v.close()
}

func (c Chart) head(v *canvas) {
	v.text(left, 24, "start", ` font-size="15" font-weight="bold"`, c.Title)
	if c.Note != "" {
		v.text(left, 43, "start", ` fill="#555"`, c.Note)
	}
}

func stroke(i int) string {
	s := styles[i%len(styles)]
	dash := ""
	if s.dash != "" {
		dash = fmt.Sprintf(` stroke-dasharray="%s"`, s.dash)
	}
	return fmt.Sprintf(`fill="none" stroke="%s" stroke-width="1.8"%s`, s.colour, dash)
}

// curve draws one line, its intervals, and a mark now and then.
func (v *canvas) curve(i int, l Line, x, y scale) {
	var d strings.Builder
	last := math.Inf(-1)
	var marks [][2]float64
	for _, p := range l.Points {
		if math.IsNaN(p.Y) || x.log && p.X <= 0 || y.log && p.Y <= 0 {
			continue
		}
		px, py := x.at(p.X), y.at(p.Y)
		if d.Len() == 0 {
			fmt.Fprintf(&d, "M%.1f %.1f", px, py)
		} else {
			fmt.Fprintf(&d, "L%.1f %.1f", px, py)
		}
		if p.Low != p.High {
			v.whisker(px, y.at(p.Low), px, y.at(p.High))
		}
		if px-last >= markGap {
			marks, last = append(marks, [2]float64{px, py}), px
		}
	}
	if d.Len() > 0 {
		v.printf(`<path d="%s" %s/>`, d.String(), stroke(i))
	}
	for _, m := range marks {
		v.mark(i, m[0], m[1])
	}
}

// whisker draws an interval with its two ends.
func (v *canvas) whisker(x1, y1, x2, y2 float64) {
	v.line(x1, y1, x2, y2, thin)
	if x1 == x2 {
		v.line(x1-3, y1, x1+3, y1, thin)
		v.line(x2-3, y2, x2+3, y2, thin)
		return
	}
	v.line(x1, y1-3, x1, y1+3, thin)
	v.line(x2, y2-3, x2, y2+3, thin)
}

func (v *canvas) key(i int, name string, x, y float64) {
	v.printf(`<path d="M%.1f %.1fH%.1f" %s/>`, x, y, x+34, stroke(i))
	v.mark(i, x+17, y)
	v.text(x+42, y+4, "start", "", cut(name, 24))
}

// cut keeps a name within the legend.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
