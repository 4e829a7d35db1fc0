// Command tolerant compares two numbers as a client's own comparator would: its
// end says what it found. What it finds wrong with its sandbox it says by 9.
package main

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	for _, dir := range []string{"/in", "/in/a", "/in/b"} {
		if err := os.WriteFile(dir+"/mine", nil, 0o644); err == nil {
			end(9, "/in can be written to")
		}
	}
	if left, err := os.ReadDir("/in"); err != nil || len(left) != 2 {
		end(9, fmt.Sprint("in /in there are ", left, err))
	}
	var v [2]float64
	for i, side := range []string{"a", "b"} {
		raw, err := os.ReadFile("/in/" + side + "/x")
		if err != nil {
			end(1, "nothing in "+side)
		}
		text := strings.TrimSpace(string(raw))
		switch text {
		case "hang":
			time.Sleep(time.Hour)
		case "eat":
			var all [][]byte
			for {
				all = append(all, make([]byte, 1<<20))
				for k := range all[len(all)-1] {
					all[len(all)-1][k] = 1
				}
			}
		case "take over":
			end(0, "whatever you say")
		}
		if v[i], err = strconv.ParseFloat(text, 64); err != nil {
			end(2, "no number in "+side)
		}
	}
	if math.Abs(v[0]-v[1]) > 0.01 {
		end(1, fmt.Sprintf("%v is not %v", v[0], v[1]))
	}
	end(0, "close enough")
}

func end(code int, words string) {
	fmt.Fprintln(os.Stderr, words)
	os.Exit(code)
}
