package demo

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"infernet.tech/infernet/node/api"
)

// Summary is what happened.
type Summary struct {
	OK        bool             `json:"ok"`
	Story     Story            `json:"story"`
	Chat      Chat             `json:"chat"`
	Job       api.Job          `json:"job"` // the last batch
	Answers   Answers          `json:"answers"`
	Cheaters  []Cheater        `json:"cheaters"`
	Providers []Provider       `json:"providers"` // of all jobs
	TimingsMS map[string]int64 `json:"timings_ms"`
	Problems  []string         `json:"problems,omitempty"` // what was not as it should be
}

// Story is what a warm engine told.
type Story struct {
	Prompt           string     `json:"prompt"`
	Answer           string     `json:"answer"`
	Provider         string     `json:"provider"` // npub
	PromptTokens     int        `json:"prompt_tokens"`
	CompletionTokens int        `json:"completion_tokens"`
	Cost             api.Amount `json:"cost"`
}

// Chat is the single prompt.
type Chat struct {
	Prompt   string `json:"prompt"`
	Answer   string `json:"answer"`
	Provider string `json:"provider"` // npub
}

// Answers counts those of the batch against what is known to be right.
type Answers struct {
	Total int `json:"total"`
	Right int `json:"right"`
}

// Cheater is a provider that was told to cheat.
type Cheater struct {
	NPub         string   `json:"npub"`
	Evidence     []string `json:"evidence"`       // empty when it was not caught
	PaidForWrong uint64   `json:"paid_for_wrong"` // credits, by the client's own books
}

// Provider is one that worked.
type Provider struct {
	NPub   string `json:"npub"`
	Shards int    `json:"shards"` // whose result counted
	Paid   uint64 `json:"paid"`   // credits
}

// collect adds what the jobs say of providers and cheaters. What the books say
// was paid to a cheater was paid for wrong work: it does no other.
func (s *Summary) collect(cheaters []string, paid map[string]uint64, jobs ...api.Job) {
	at := map[string]int{}
	evidence := map[string][]string{}
	for _, j := range jobs {
		for _, p := range j.Providers {
			i, seen := at[p.NPub]
			if !seen {
				i = len(s.Providers)
				at[p.NPub] = i
				s.Providers = append(s.Providers, Provider{NPub: p.NPub, Paid: paid[p.NPub]})
			}
			s.Providers[i].Shards += p.Shards
		}
		for _, c := range j.Cheaters {
			evidence[c.NPub] = append(evidence[c.NPub], c.Evidence...)
		}
	}
	for _, npub := range cheaters {
		s.Cheaters = append(s.Cheaters, Cheater{NPub: npub, Evidence: append([]string{}, evidence[npub]...), PaidForWrong: paid[npub]})
	}
	for npub := range evidence {
		if !slices.Contains(cheaters, npub) {
			s.problem("%s was taken for a cheater and is none", npub)
		}
	}
}

// uncaught are the cheaters that no job has evidence against.
func uncaught(cheaters []string, jobs []api.Job) (free []string) {
	for _, npub := range cheaters {
		caught := slices.ContainsFunc(jobs, func(j api.Job) bool {
			return slices.ContainsFunc(j.Cheaters, func(c api.Cheater) bool { return c.NPub == npub && len(c.Evidence) > 0 })
		})
		if !caught {
			free = append(free, npub)
		}
	}
	return free
}

// judge decides whether all went as it should.
func (s *Summary) judge() {
	if s.Job.State != api.JobDone {
		s.problem("the job is %s: %s", s.Job.State, s.Job.Reason)
	}
	if s.Answers.Right != s.Answers.Total {
		s.problem("%d of %d answers are right", s.Answers.Right, s.Answers.Total)
	}
	for _, c := range s.Cheaters {
		if len(c.Evidence) == 0 {
			s.problem("%s cheated and was not caught", c.NPub)
		}
		if c.PaidForWrong > 0 {
			s.problem("%s was paid %d credits for wrong work", c.NPub, c.PaidForWrong)
		}
	}
	for _, p := range s.Providers {
		cheats := slices.ContainsFunc(s.Cheaters, func(c Cheater) bool { return c.NPub == p.NPub })
		if p.Shards > 0 && p.Paid == 0 && !cheats {
			s.problem("%s did %d shards and was not paid", p.NPub, p.Shards)
		}
	}
	s.OK = len(s.Problems) == 0
}

func (s *Summary) problem(format string, args ...any) {
	s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
}

// Print writes the summary for people. Names gives a node's name for its npub.
func (s Summary) Print(w io.Writer, names map[string]string) error {
	var b strings.Builder
	name := func(npub string) string {
		if n := names[npub]; n != "" {
			return n + " " + short(npub)
		}
		return short(npub)
	}
	t := s.TimingsMS
	fmt.Fprintf(&b, "story      %d tokens from %s, first words after %d ms\n", s.Story.CompletionTokens, name(s.Story.Provider), t["story_first_words"])
	fmt.Fprintf(&b, "prompt     %s\n", s.Chat.Prompt)
	fmt.Fprintf(&b, "answer     %s  (from %s)\n", s.Chat.Answer, name(s.Chat.Provider))
	fmt.Fprintf(&b, "batch      %d of %d answers right\n", s.Answers.Right, s.Answers.Total)
	n := s.Job.Shards
	fmt.Fprintf(&b, "shards     %d of %d done, each by two providers; %d results were wrong, %d attempts redone\n", n.OK, n.Total, n.Mismatched, n.Retried)
	for _, c := range s.Cheaters {
		caught := "NOT CAUGHT"
		if len(c.Evidence) > 0 {
			caught = "caught"
		}
		fmt.Fprintf(&b, "cheater    %s: %s, paid %d for wrong work\n", name(c.NPub), caught, c.PaidForWrong)
		for i, e := range c.Evidence {
			if i == 3 {
				fmt.Fprintf(&b, "             and %d more\n", len(c.Evidence)-i)
				break
			}
			fmt.Fprintf(&b, "             %s\n", e)
		}
	}
	for _, p := range s.Providers {
		fmt.Fprintf(&b, "paid       %s: %d credits for %d shards\n", name(p.NPub), p.Paid, p.Shards)
	}
	fmt.Fprintf(&b, "time       network %s, prompt %s (first words after %s), batch %s, removal %s, in all %s\n",
		secs(t["network"]), secs(t["chat"]), secs(t["chat_first_words"]), secs(t["job"]), secs(t["removal"]), secs(t["total"]))
	for _, p := range s.Problems {
		fmt.Fprintf(&b, "PROBLEM    %s\n", p)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func secs(ms int64) string { return fmt.Sprintf("%.1f s", float64(ms)/1000) }

// short is an npub as people can tell it from others.
func short(npub string) string {
	if len(npub) < 20 {
		return npub
	}
	return npub[:9] + "…" + npub[len(npub)-4:]
}
