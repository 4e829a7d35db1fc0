package plot_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"infernet.tech/infernet/node/sim/plot"
)

func sample() plot.Chart {
	return plot.Chart{
		Title: "found <out> & paid", Note: "95% intervals",
		X: plot.Axis{Label: "shards"}, Y: plot.Axis{Label: "caught", Percent: true},
		Lines: []plot.Line{
			{Name: "lazy", Points: []plot.Point{{X: 0, Y: 0}, {X: 50, Y: 0.5, Low: 0.4, High: 0.6}, {X: 100, Y: 1}}},
			{Name: "selective", Points: []plot.Point{{X: 0, Y: 0}, {X: 100, Y: 0.3}}},
		},
	}
}

// wellFormed reads the whole document.
func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	svg := sample().SVG()
	wellFormed(t, svg)
	text := string(svg)
	for _, want := range []string{"found &lt;out&gt; &amp; paid", "95% intervals", ">shards<", ">caught<", ">100%<", ">lazy<", "stroke-dasharray"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if !bytes.Equal(svg, sample().SVG()) {
		t.Error("not always the same bytes")
	}
}

// TestNumbersThatAreNone: a curve of nothing, of holes and of infinities is drawn.
func TestNumbersThatAreNone(t *testing.T) {
	t.Parallel()
	c := sample()
	c.Lines = append(c.Lines, plot.Line{Name: "holes", Points: []plot.Point{{X: 1, Y: math.NaN()}, {X: 2, Y: math.Inf(1)}}}, plot.Line{Name: "none"})
	for _, log := range []bool{false, true} {
		c.X.Log, c.Y.Log = log, log
		svg := c.SVG()
		wellFormed(t, svg)
		if strings.Contains(string(svg), "NaN") || strings.Contains(string(svg), "Inf") {
			t.Errorf("log %v: %s", log, svg)
		}
	}
	wellFormed(t, plot.Chart{}.SVG())
	wellFormed(t, plot.Chart{Lines: []plot.Line{{Points: []plot.Point{{X: 5, Y: 5}}}}}.SVG())
}

func TestBars(t *testing.T) {
	t.Parallel()
	c := plot.Chart{Title: "income", Y: plot.Axis{Label: "credits a day"}, Bars: []plot.Bar{
		{Name: "lazy", Group: "honest", Value: 10, Low: 9, High: 11},
		{Name: "lazy", Group: "cheats", Value: -2, Low: -3, High: -1},
		{Name: "on-off", Group: "honest", Value: 10},
		{Name: "on-off", Group: "cheats", Value: 3},
	}}
	svg := c.SVG()
	wellFormed(t, svg)
	if n := strings.Count(string(svg), "<pattern"); n != 2 {
		t.Errorf("%d fills for two groups", n)
	}
	if n := strings.Count(string(svg), ">on-off<"); n != 1 {
		t.Errorf("a name is written %d times", n)
	}
}

// TestEverythingIsOnThePicture: no mark or label lies outside.
func TestEverythingIsOnThePicture(t *testing.T) {
	t.Parallel()
	d := xml.NewDecoder(bytes.NewReader(sample().SVG()))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range e.Attr {
			limit := map[string]float64{"x": 820, "x1": 820, "x2": 820, "cx": 820, "y": 440, "y1": 440, "y2": 440, "cy": 440}[a.Name.Local]
			if limit == 0 {
				continue
			}
			var v float64
			if err := xml.Unmarshal([]byte("<v>"+a.Value+"</v>"), &v); err != nil || v < 0 || v > limit {
				t.Errorf("%s %s=%s: %v", e.Name.Local, a.Name.Local, a.Value, err)
			}
		}
	}
}

// TestLinesDiffer: as many lines as there are strategies are all told apart by
// dash or mark, without colour.
func TestLinesDiffer(t *testing.T) {
	t.Parallel()
	var c plot.Chart
	for i := range 12 {
		c.Lines = append(c.Lines, plot.Line{Name: strings.Repeat("x", i+1), Points: []plot.Point{{X: 0, Y: float64(i)}, {X: 1, Y: 1}}})
	}
	seen := map[string]bool{}
	for _, path := range strings.Split(string(c.SVG()), "<path d=")[1:] {
		if _, dash, ok := strings.Cut(path, "stroke-dasharray="); ok {
			seen[strings.SplitN(dash, `"`, 3)[1]] = true
		}
	}
	if len(seen) != 11 {
		t.Errorf("%d kinds of dashes for 12 lines, of which one is whole", len(seen))
	}
}
