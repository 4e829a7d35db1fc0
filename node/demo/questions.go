package demo

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// question is a prompt whose right answer is known.
type question struct {
	ID     string `json:"id"`
	Prompt string `json:"prompt"`
	answer string
}

// questions makes n different ones, at most a few thousand: capitals, then
// sums. They are such that the demonstration model knows the answers.
func questions(n int) []question {
	var qs []question
	for _, c := range capitals() {
		if len(qs) == n {
			break
		}
		qs = append(qs, question{
			ID:     fmt.Sprintf("q%03d", len(qs)+1),
			Prompt: fmt.Sprintf("What is the capital of %s?", c[0]),
			answer: fmt.Sprintf("The capital of %s is %s.", c[0], c[1]),
		})
	}
	seen := map[string]bool{}
	for i := 0; len(qs) < n && i < 83*89; i++ {
		a, b := 10+i*37%83, 5+i*53%89
		q := question{
			ID:     fmt.Sprintf("q%03d", len(qs)+1),
			Prompt: fmt.Sprintf("What is %d plus %d?", a, b),
			answer: fmt.Sprintf("%d + %d = %d.", a, b, a+b),
		}
		if i%3 == 2 {
			a, b = max(a, b), min(a, b)
			q.Prompt = fmt.Sprintf("What is %d minus %d?", a, b)
			q.answer = fmt.Sprintf("%d - %d = %d.", a, b, a-b)
		}
		if seen[q.Prompt] {
			continue
		}
		seen[q.Prompt] = true
		qs = append(qs, q)
	}
	return qs
}

func writeQuestions(path string, qs []question) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	for _, q := range qs {
		if err := enc.Encode(q); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(w.Flush(), f.Close())
}

// check reads a job's result and counts the right answers. Faults names up to
// three that are not.
func check(path string, qs []question) (right int, faults []string, err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "output.jsonl")
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = f.Close() }()
	dec := json.NewDecoder(bufio.NewReader(f))
	fault := func(format string, args ...any) {
		if len(faults) < 3 {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	for _, q := range qs {
		var line struct{ ID, Answer, Error string }
		err := dec.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			fault("the result ends before %s", q.ID)
			return right, faults, nil
		case err != nil:
			return right, faults, fmt.Errorf("read the result: %w", err)
		case line.ID != q.ID:
			fault("an answer to %.40q stands where that to %s should", line.ID, q.ID)
		case line.Answer != q.answer:
			fault("%s answered %.80q, not %q", q.Prompt, line.Answer+line.Error, q.answer)
		default:
			right++
		}
	}
	if dec.More() {
		fault("the result goes on after the last answer")
	}
	return right, faults, nil
}

// capitals are countries with their capitals.
func capitals() [][2]string {
	return [][2]string{
		{"Argentina", "Buenos Aires"},
		{"Austria", "Vienna"},
		{"Belgium", "Brussels"},
		{"Brazil", "Brasilia"},
		{"Bulgaria", "Sofia"},
		{"Canada", "Ottawa"},
		{"Chile", "Santiago"},
		{"China", "Beijing"},
		{"Colombia", "Bogota"},
		{"Croatia", "Zagreb"},
		{"Cuba", "Havana"},
		{"Denmark", "Copenhagen"},
		{"Ecuador", "Quito"},
		{"Egypt", "Cairo"},
		{"Estonia", "Tallinn"},
		{"Ethiopia", "Addis Ababa"},
		{"Finland", "Helsinki"},
		{"France", "Paris"},
		{"Germany", "Berlin"},
		{"Ghana", "Accra"},
		{"Greece", "Athens"},
		{"Hungary", "Budapest"},
		{"Iceland", "Reykjavik"},
		{"India", "New Delhi"},
		{"Indonesia", "Jakarta"},
		{"Iran", "Tehran"},
		{"Iraq", "Baghdad"},
		{"Ireland", "Dublin"},
		{"Italy", "Rome"},
		{"Jamaica", "Kingston"},
		{"Japan", "Tokyo"},
		{"Jordan", "Amman"},
		{"Kenya", "Nairobi"},
		{"Latvia", "Riga"},
		{"Lithuania", "Vilnius"},
		{"Mexico", "Mexico City"},
		{"Mongolia", "Ulaanbaatar"},
		{"Morocco", "Rabat"},
		{"Nepal", "Kathmandu"},
		{"New Zealand", "Wellington"},
		{"Nigeria", "Abuja"},
		{"Norway", "Oslo"},
		{"Pakistan", "Islamabad"},
		{"Peru", "Lima"},
		{"Poland", "Warsaw"},
		{"Portugal", "Lisbon"},
		{"Romania", "Bucharest"},
		{"Russia", "Moscow"},
		{"Senegal", "Dakar"},
		{"Serbia", "Belgrade"},
		{"Slovakia", "Bratislava"},
		{"Slovenia", "Ljubljana"},
		{"Spain", "Madrid"},
		{"Sweden", "Stockholm"},
		{"Thailand", "Bangkok"},
		{"Tunisia", "Tunis"},
		{"Turkey", "Ankara"},
		{"Uganda", "Kampala"},
		{"Ukraine", "Kyiv"},
		{"Uruguay", "Montevideo"},
		{"Vietnam", "Hanoi"},
		{"Zambia", "Lusaka"},
	}
}
