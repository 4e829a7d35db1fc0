// Package plot draws line and bar charts as SVG: axes with units, a legend
// beside the data, lines that differ without colour, and intervals. It knows
// nothing of what it draws, and writes text as it is given, escaped.
//
// It refuses to be a plotting library: what the simulator's reports need is
// here, and no more. Package sim calls it.
package plot
