package plot

// Chart is one picture.
type Chart struct {
	Title string
	Note  string // a line below the title; may be empty
	X, Y  Axis
	Lines []Line
	Bars  []Bar // instead of Lines; X then has no scale
}

// Axis is one of the two. Min and Max are found from the data when they are equal.
type Axis struct {
	Label    string // with its unit
	Min, Max float64
	Log      bool
	Percent  bool // values are shares: 0.1 is written 10%
}

// Line is one curve.
type Line struct {
	Name   string
	Points []Point
}

// Point is one of a curve; Low and High are its interval, none when they are equal.
type Point struct{ X, Y, Low, High float64 }

// Bar is one of a bar chart.
type Bar struct {
	Name             string
	Group            string // bars of one group look alike and are named in the legend
	Value, Low, High float64
}
