package job

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrTransition is what every TransitionError is.
var ErrTransition = errors.New("job: event not possible in this state")

// ErrSpec is what every SpecError is.
var ErrSpec = errors.New("job: the spec is not valid")

// ErrLineTooLong is a line of an input longer than MaxLine.
var ErrLineTooLong = errors.New("job: line too long")

// TransitionError is an event that cannot happen in the state the job is in. The
// job is unchanged. It is an answer to a stranger, not a defect of this node.
type TransitionError struct {
	Event   string // the event's name, e.g. "revealed"
	Subject string // "job", "shard 3" or "attempt 3/1"
	State   string // its state
	Text    string
}

// Error implements error.
func (e *TransitionError) Error() string {
	return fmt.Sprintf("job: %s not possible for %s in state %q: %s", e.Event, e.Subject, e.State, e.Text)
}

// Unwrap makes errors.Is(err, ErrTransition) true.
func (e *TransitionError) Unwrap() error { return ErrTransition }

// Problem is one thing wrong with a spec. Line and Col count from 1; zero means
// that the place is not known.
type Problem struct {
	Line int    `json:"line,omitempty"`
	Col  int    `json:"col,omitempty"`
	Key  string `json:"key"`
	What string `json:"what"`
	Hint string `json:"hint,omitempty"`
}

// SpecError is all that is wrong with a spec, in the order of its lines.
type SpecError struct {
	Name     string    `json:"name"` // the file's name, for people
	Problems []Problem `json:"problems"`
}

// And returns e with the problems of other added in the order of their lines,
// where other is a *SpecError; else e itself.
func (e *SpecError) And(other error) error {
	var more *SpecError
	if !errors.As(other, &more) {
		return e
	}
	all := &SpecError{Name: e.Name, Problems: slices.Concat(e.Problems, more.Problems)}
	slices.SortStableFunc(all.Problems, func(a, b Problem) int { return a.Line - b.Line })
	return all
}

// Error implements error: one line per problem, as compilers write them.
func (e *SpecError) Error() string {
	lines := make([]string, 0, len(e.Problems))
	for _, p := range e.Problems {
		lines = append(lines, e.Name+p.String())
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes errors.Is(err, ErrSpec) true.
func (e *SpecError) Unwrap() error { return ErrSpec }

// String writes ":line:col: key: what (hint)"; the file's name goes before it.
func (p Problem) String() string {
	var b strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Col)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.What)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}
