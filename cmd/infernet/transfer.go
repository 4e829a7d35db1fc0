package main

import (
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"infernet.tech/infernet/node/api"
)

// transfer shows how a download, an addition or a verification goes: one line
// that is drawn again on a terminal, else a line for every tenth.
type transfer struct {
	a     *app
	width func() int // columns of the terminal; nil when there is none
	begun time.Time
	stage string
	tenth int
	drawn int // columns of the line that is on the terminal
}

// quiet is how long work on this machine may take without a word.
const quiet = time.Second

func (a *app) newTransfer() *transfer {
	t := &transfer{a: a, begun: time.Now(), tenth: -1}
	if f, ok := a.err.(*os.File); ok && terminal(f) {
		t.width = func() int {
			w, _, err := term.GetSize(int(f.Fd()))
			if err != nil || w < 20 {
				return 80
			}
			return w
		}
	}
	return t
}

// show takes one step; it is called by one goroutine.
func (t *transfer) show(p api.AddProgress) {
	if p.Stage == "" {
		p.Stage = api.StageFetch
	}
	if p.Stage != t.stage {
		t.stage, t.tenth = p.Stage, -1
		if p.Stage == api.StageFind && t.width == nil {
			t.a.sayf("  %s", stageText(p.Stage))
		}
	}
	if t.width != nil {
		t.draw(p)
		return
	}
	// What is over at once needs no words; what comes from elsewhere gets them.
	local := p.Stage != api.StageFetch
	if p.Total == 0 || local && time.Since(t.begun) < quiet {
		return
	}
	if tenth := int(share(p) * 10); tenth > t.tenth {
		first := t.tenth < 0
		t.tenth = tenth
		if !first || tenth == 10 {
			t.a.sayf("  %s", strings.Join(parts(p), "  "))
		}
	}
}

// draw puts the line on the terminal over the one before.
func (t *transfer) draw(p api.AddProgress) {
	line := bar(p, t.width()-1)
	pad := max(0, t.drawn-len(line))
	_, _ = fmt.Fprintf(t.a.err, "\r%s%s", line, strings.Repeat(" ", pad))
	t.drawn = len(line)
}

// close takes the line away, so that what comes next begins on its own.
func (t *transfer) close() {
	if t.drawn > 0 {
		_, _ = fmt.Fprintf(t.a.err, "\r%s\r", strings.Repeat(" ", t.drawn))
		t.drawn = 0
	}
}

// share is how much of it is done, 0 to 1.
func share(p api.AddProgress) float64 {
	if p.Total == 0 {
		return 0
	}
	return min(1, float64(p.Bytes)/float64(p.Total))
}

// bar is the line for a terminal of so many columns: ASCII alone. The bar has
// what room is left; where there is none, first the word before it goes, then
// the bar, then what is told from its end.
func bar(p api.AddProgress, columns int) string {
	const least, most = 5, 30
	head := stageText(p.Stage)
	if p.Total == 0 {
		if p.Bytes > 0 {
			head += "  " + bytesText(p.Bytes)
		}
		return head[:min(len(head), max(columns, 0))]
	}
	rest := parts(p)
	tail := strings.Join(rest, "  ")
	for _, head := range []string{head + "  ", ""} {
		if room := min(most, columns-len(head)-len("[]  ")-len(tail)); room >= least {
			full := int(share(p) * float64(room))
			return head + "[" + strings.Repeat("=", full) + strings.Repeat(" ", room-full) + "]  " + tail
		}
	}
	for len(tail) > columns && len(rest) > 1 {
		rest = rest[:len(rest)-1]
		tail = strings.Join(rest, "  ")
	}
	return tail
}

// parts are what there is to tell, the most important first.
func parts(p api.AddProgress) []string {
	out := []string{
		fmt.Sprintf("%3d%%", int(math.Floor(share(p)*100))),
		ofText(p.Bytes, p.Total),
	}
	if p.Speed > 0 && p.Bytes < p.Total {
		out = append(out, bytesText(uint64(min(p.Speed, 1<<62)))+"/s")
	}
	if p.LeftMS > 0 && p.Bytes < p.Total {
		out = append(out, leftText(time.Duration(p.LeftMS)*time.Millisecond)+" left")
	}
	if s := sourcesText(p); s != "" {
		out = append(out, s)
	}
	return out
}

// ofText is "1.5 of 3.0 GiB": the unit once where both have the same.
func ofText(n, total uint64) string {
	part, whole := bytesText(n), bytesText(total)
	if number, unit, _ := strings.Cut(part, " "); strings.HasSuffix(whole, " "+unit) {
		part = number
	}
	return part + " of " + whole
}

// sourcesText counts who delivers, and who was found out.
func sourcesText(p api.AddProgress) string {
	if len(p.Sources) == 0 {
		return ""
	}
	banned := 0
	for _, s := range p.Sources {
		if s.State == "banned" {
			banned++
		}
	}
	n := p.Active()
	if p.Bytes >= p.Total || n == 0 {
		n = gave(p) // at the end, and for a moment between, nobody is at work
	}
	text := countOf(n, "source")
	if banned > 0 {
		text += fmt.Sprintf(", %d banned", banned)
	}
	return text
}

// gave is how many sources gave some of it.
func gave(p api.AddProgress) int {
	n := 0
	for _, s := range p.Sources {
		if s.Bytes > 0 {
			n++
		}
	}
	return n
}

func stageText(stage string) string {
	switch stage {
	case api.StageFind:
		return "looking for who has it"
	case api.StageAdd:
		return "adding"
	case api.StageWrite:
		return "writing"
	case api.StageVerify:
		return "verifying"
	}
	return "fetching"
}

// leftText is a time as a clock shows it: 0:07, 12:30, 3:05:00, 2d 4h.
func leftText(d time.Duration) string {
	s := int64(math.Ceil(d.Seconds()))
	h, m := s/3600, s/60%60
	switch {
	case h >= 48:
		return fmt.Sprintf("%dd %dh", h/24, h%24)
	case h > 0:
		return fmt.Sprintf("%d:%02d:%02d", h, m, s%60)
	}
	return fmt.Sprintf("%d:%02d", m, s%60)
}
