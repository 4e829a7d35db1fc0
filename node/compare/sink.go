package compare

// width tells how precise a number can be expected to be.
type width uint8

const (
	wide width = iota // 32 bits and more, and numbers written as text
	half              // 16 bits
)

// sink takes in pairs of numbers that stand in the same place of two results,
// and lists of them.
type sink interface {
	// number is a pair of floating point numbers.
	number(a, b float64, w width)
	// whole is a pair of integers. Same tells whether they are equal, which large
	// ones may not be that are the same as floating point numbers.
	whole(a, b float64, same bool)
	// open and close enclose the numbers of a list or of the last axis of a tensor.
	open()
	close()
}
