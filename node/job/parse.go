package job

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Bounds of ParseSpec.
const (
	MaxSpec     = 1 << 18 // bytes of a spec
	MaxProblems = 100     // told at once
)

// ParseSpec reads a job's YAML. It is strict: unknown and repeated keys, wrong
// units and impossible values are all refused, all at once, as a *SpecError with
// the place of each. name is the file's name, for the messages; it is also the
// job's name where the spec gives none. What is not written gets its default
// (see ApplyDefaults). Files are not looked at: see CheckFiles, for which what
// could be read comes with a *SpecError too.
func ParseSpec(src []byte, name string) (Spec, error) {
	d := &decoder{places: map[string]Place{}}
	var s Spec
	if root := d.document(src); root != nil {
		d.spec(root, &s)
	}
	if s.Name == "" && !d.broken {
		s.Name = nameFrom(name)
	}
	if len(d.problems) == 0 {
		s.ApplyDefaults()
	}
	v := checker{at: d.place}
	if !d.broken {
		full := s
		full.ApplyDefaults()
		full.check(&v)
	}
	if all := merge(d.problems, v.problems); len(all) > 0 {
		return s, &SpecError{Name: name, Problems: all}
	}
	return s, nil
}

// twice begins what is said of a repeated key: its first value was read all the same.
const twice = "given twice"

// merge puts problems in the order of their lines. A key whose value could not
// be read at all is not blamed again for lacking one.
func merge(read, checked []Problem) []Problem {
	all := slices.Clone(read)
	for _, p := range checked {
		told := slices.ContainsFunc(read, func(q Problem) bool {
			if strings.HasPrefix(q.What, twice) {
				return false
			}
			return q.Key == p.Key || strings.HasPrefix(p.Key, q.Key+".") || strings.HasPrefix(p.Key, q.Key+"[")
		})
		if !told {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	})
	return all
}

// decoder reads a YAML tree key by key and remembers where each was.
type decoder struct {
	places   map[string]Place
	problems []Problem
	broken   bool // not even a tree
}

func (d *decoder) document(src []byte) *yaml.Node {
	if len(src) > MaxSpec {
		return d.syntax(Problem{What: "larger than 256 KiB"})
	}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return d.syntax(Problem{Line: 1, Col: 1, What: "empty", Hint: "see infernet job run --help for an example"})
		}
		return d.syntax(yamlProblem(err))
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return d.syntax(Problem{Line: max(more.Line, 1), Col: 1, What: "more than one document", Hint: "one file, one job"})
	}
	if len(doc.Content) != 1 {
		return d.syntax(Problem{Line: 1, Col: 1, What: "empty"})
	}
	return doc.Content[0]
}

func (d *decoder) syntax(p Problem) *yaml.Node {
	d.broken = true
	d.problems = append(d.problems, p)
	return nil
}

// yamlProblem finds the line in what the YAML reader says, "yaml: line 3: …".
func yamlProblem(err error) Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		number, what, _ := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(number); err == nil {
			return Problem{Line: n, Col: 1, What: "not YAML: " + what}
		}
	}
	return Problem{Line: 1, Col: 1, What: "not YAML: " + text}
}

// place finds a key, or the nearest one above it that was written.
func (d *decoder) place(key string) Place {
	for key != "" {
		if p, ok := d.places[key]; ok {
			return p
		}
		cut := strings.LastIndexAny(key, ".[")
		if cut < 0 {
			break
		}
		key = key[:cut]
	}
	return Place{Line: 1, Col: 1}
}

func (d *decoder) bad(n *yaml.Node, key, what, hint string) {
	if len(d.problems) >= MaxProblems {
		return
	}
	d.problems = append(d.problems, Problem{Line: n.Line, Col: n.Column, Key: key, What: what, Hint: hint})
}

// CheckFiles asks stat for each file the spec names and returns a *SpecError
// with the place of each that is missing, empty or no plain file. An image or a
// model is looked for only where it is written as a path.
func (s Spec) CheckFiles(name string, stat func(path string) (fs.FileInfo, error)) error {
	var all []Problem
	look := func(key, path string, at Place, dir bool) {
		info, err := stat(path)
		what := ""
		switch {
		case errors.Is(err, fs.ErrNotExist):
			what = "there is no file " + strconv.Quote(path)
		case err != nil:
			what = err.Error()
		case info.IsDir() && !dir:
			what = strconv.Quote(path) + " is a folder"
		case !info.IsDir() && !info.Mode().IsRegular():
			what = strconv.Quote(path) + " is no plain file"
		case !info.IsDir() && info.Size() == 0:
			what = strconv.Quote(path) + " is empty"
		}
		if what != "" {
			all = append(all, Problem{Line: at.Line, Col: at.Col, Key: key, What: what,
				Hint: "paths are relative to the folder of the spec"})
		}
	}
	if IsPath(s.Task.Image) {
		look("task.image", s.Task.Image, s.Task.At, true)
	}
	if IsPath(s.Model) {
		look("model", s.Model, s.ModelAt, false)
	}
	for i, in := range s.Inputs {
		if in.Path != "" {
			look("inputs["+strconv.Itoa(i)+"].path", in.Path, in.At, true)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return &SpecError{Name: name, Problems: all}
}

// IsPath reports whether an image or a model is written as a file of this
// machine: it begins with "/", "./" or "../", or ends in .gguf, .tar or .tar.gz.
func IsPath(s string) bool {
	for _, p := range []string{"/", "./", "../"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	for _, p := range []string{".gguf", ".tar", ".tar.gz"} {
		if strings.HasSuffix(s, p) {
			return true
		}
	}
	return false
}

// nameFrom makes a job's name out of a file's.
func nameFrom(file string) string {
	file = file[strings.LastIndexAny(file, `/\`)+1:]
	for _, ext := range []string{".yaml", ".yml", ".json"} {
		file = strings.TrimSuffix(file, ext)
	}
	clean := strings.Map(func(r rune) rune {
		if r < 0x80 && (alnum(byte(r)) || strings.ContainsRune("-_.", r)) {
			return r
		}
		return '-'
	}, file)
	if clean = clean[:min(len(clean), MaxName)]; clean == "" {
		return "job"
	}
	return clean
}
