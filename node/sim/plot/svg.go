package plot

import (
	"fmt"
	"strings"
)

// canvas writes SVG elements. Numbers have one decimal, so that the same chart
// is the same bytes everywhere.
type canvas struct{ b strings.Builder }

func (c *canvas) printf(format string, args ...any) { fmt.Fprintf(&c.b, format+"\n", args...) }

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

func (c *canvas) open(w, h float64) {
	c.printf(`<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#222">`, w, h, w, h)
	c.printf(`<rect width="%.0f" height="%.0f" fill="#fff"/>`, w, h)
}

func (c *canvas) close() []byte {
	c.printf("</svg>")
	return []byte(c.b.String())
}

// text places a text; anchor is start, middle or end.
func (c *canvas) text(x, y float64, anchor, extra, s string) {
	c.printf(`<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>`, x, y, anchor, extra, escaper.Replace(s))
}

func (c *canvas) line(x1, y1, x2, y2 float64, style string) {
	c.printf(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" %s/>`, x1, y1, x2, y2, style)
}

const (
	grid  = `stroke="#ddd" stroke-width="1"`
	frame = `stroke="#444" stroke-width="1"`
	thin  = `stroke="#222" stroke-width="1.2"`
)

// styles differ in lightness, in dashes and in marks: any of the three is enough
// to tell lines apart on paper without colour.
var styles = []struct{ colour, dash, fill string }{
	{"#000000", "", "solid"},
	{"#0072b2", "7 3", "hollow"},
	{"#d55e00", "2 2", "hatch"},
	{"#009e73", "9 3 2 3", "dots"},
	{"#cc79a7", "12 4", "cross"},
	{"#777777", "1 3", "light"},
	{"#e69f00", "6 2 2 2 2 2", "back"},
	{"#56b4e9", "4 6", "grid"},
	{"#882255", "16 3 2 3", "hatch"},
	{"#117733", "3 3 9 3", "cross"},
	{"#444444", "5 2 1 2 1 2", "dots"},
	{"#aa4499", "20 4", "back"},
}

// mark draws the sign of line i around a point.
func (c *canvas) mark(i int, x, y float64) {
	s := styles[i%len(styles)]
	const r = 3.2
	style := fmt.Sprintf(`fill="#fff" stroke="%s" stroke-width="1.4"`, s.colour)
	switch (i + i/8) % 4 { // the lines of a second round have other marks
	case 0:
		c.printf(`<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"/>`, x, y, r-0.6, s.colour)
	case 1:
		c.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" %s/>`, x-r+0.4, y-r+0.4, 2*r-0.8, 2*r-0.8, style)
	case 2:
		c.printf(`<path d="M%.1f %.1fL%.1f %.1fL%.1f %.1fZ" %s/>`, x, y-r, x+r, y+r-0.6, x-r, y+r-0.6, style)
	default:
		c.printf(`<path d="M%.1f %.1fL%.1f %.1fL%.1f %.1fL%.1f %.1fZ" %s/>`, x, y-r, x+r, y, x, y+r, x-r, y, style)
	}
}

// patterns are the fills of bars, one for each group.
func (c *canvas) patterns(n int) {
	c.printf("<defs>")
	for i := range min(n, len(styles)) {
		s := styles[i]
		open := fmt.Sprintf(`<pattern id="g%d" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" fill="#fff"/>`, i)
		var in string
		switch s.fill {
		case "solid":
			in = `<rect width="6" height="6" fill="#555"/>`
		case "hatch":
			in = fmt.Sprintf(`<path d="M0 6L6 0" stroke="%s" stroke-width="1.6"/>`, s.colour)
		case "dots":
			in = fmt.Sprintf(`<circle cx="3" cy="3" r="1.3" fill="%s"/>`, s.colour)
		case "cross":
			in = fmt.Sprintf(`<path d="M0 6L6 0M0 0L6 6" stroke="%s"/>`, s.colour)
		case "light":
			in = `<rect width="6" height="6" fill="#ddd"/>`
		case "back":
			in = fmt.Sprintf(`<path d="M0 0L6 6" stroke="%s" stroke-width="1.6"/>`, s.colour)
		case "grid":
			in = fmt.Sprintf(`<path d="M0 3H6M3 0V6" stroke="%s"/>`, s.colour)
		}
		c.printf("%s%s</pattern>", open, in)
	}
	c.printf("</defs>")
}
