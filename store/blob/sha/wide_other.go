//go:build !amd64

package sha

func compress16(*[8][16]uint32, *[16]*byte, *[64]uint32, int) {
	panic("sha: no wide unit")
}

func canWide() bool { return false }
