package infer

import (
	"slices"
	"strings"

	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/p2p/identity"
	"infernet.tech/infernet/p2p/wire"
)

// Bounds of what is kept of one provider's answers until they decide. An
// answer of a dozen tokens says little; many of them do.
const (
	dossierCases = 256
	dossierBytes = 1 << 20
)

// subject is whom and what an audit is about.
type subject struct {
	peer         identity.PubKey
	image, model string
	class        string
}

// one is one answer that was audited, or is about to be.
type one struct {
	claim
	lease  wire.ID
	number uint32
}

// dossier is the evidence about one subject that has not decided yet.
type dossier struct {
	cases []one
	bytes int
	by    []identity.PubKey // who replayed them
	test  trial
}

// add takes in an answer and its replay; the oldest give way, and with them
// what they said.
func (d *dossier) add(c one, by identity.PubKey) {
	d.cases = append(d.cases, c)
	d.bytes += c.size()
	if !slices.Contains(d.by, by) {
		d.by = append(d.by, by)
	}
}

// full says that no more is to be kept: what did not decide until here is
// begun anew.
func (d *dossier) full() bool { return len(d.cases) >= dossierCases || d.bytes >= dossierBytes }

// trial is the test of a subject's answers, by the eyes of one replaying side.
type trial struct {
	alike, other pair
	lies         int    // that need no test: other text than the tokens spell, ended before its length
	file         bool   // the answers were read from a result: one other text proves that it was altered
	why          string // of the first of them
	seen         [][]mark
}

// pair are the tests of tokens, and of ends: cutting each answer short by one
// lie would be lost among its tokens.
type pair struct{ body, ends *compare.Text }

func newPair(t compare.Thresholds) pair { return pair{compare.NewText(t), compare.NewText(t)} }

// newTrial begins a test with the thresholds for a subject replayed by machines
// like its own, and by others.
func newTrial(alike, other compare.Thresholds) trial {
	return trial{alike: newPair(alike), other: newPair(other)}
}

// mark is what one side saw of one token: its log-probability, its rank, and
// how far the choice was from it.
type mark struct {
	Logprob float32 `json:"logprob"`
	Gap     float32 `json:"gap"`
	Rank    int32   `json:"rank"`
}

// provenBy is how many plain lies prove something: one may be a fault of
// writing an answer down.
const provenBy = 2

// like is how much a replaying side is like the one that answered.
type like struct {
	engine bool // the same engine: it draws the same by the same seed
	class  bool // on the same class of hardware too
}

// add takes in the replay of a claim. It returns errGarbage for what is no
// replay of it.
func (t *trial) add(c claim, out openai.ReplayResponse, by like) error {
	if err := fits(c, out); err != nil {
		return err
	}
	side := t.other
	if by.engine && by.class {
		side = t.alike
	}
	heat := temperature(c.req.Temperature)
	marks := make([]mark, 0, len(out.Tokens))
	for _, tok := range out.Tokens {
		to := side.body
		if tok.End {
			to = side.ends
		}
		seen := token(tok, heat, by.engine)
		if err := to.Add(seen); err != nil {
			return errGarbage
		}
		marks = append(marks, mark{Logprob: float32(tok.Logprob), Gap: float32(seen.TopGap), Rank: int32(min(seen.Rank, 1<<30))})
	}
	t.seen = append(t.seen, marks)
	switch {
	case c.early:
		t.lie("an answer ended by its length before its length was reached")
	case !spells(out.Text, c):
		t.lie("an answer's text is not what its tokens spell")
		if t.file && whole(trimBlank(out.Text)) != whole(trimBlank(c.text)) {
			t.lies = max(t.lies, provenBy)
		}
	}
	return nil
}

// none takes in a claim whose tokens are none of the model's, by the error of
// who was to replay it; false when the error says something else.
func (t *trial) none(err error) bool {
	e, own := final(err)
	if !own || e.Param != "token_ids" {
		return false
	}
	t.lie("an answer's tokens are none of the model's")
	t.seen = append(t.seen, nil)
	return true
}

func (t *trial) lie(why string) {
	if t.lies++; t.why == "" {
		t.why = why
	}
}

// fits says whether a replay is one of the claim.
func fits(c claim, out openai.ReplayResponse) error {
	n := len(out.Tokens)
	if n > 0 && out.Tokens[n-1].End {
		n--
		if c.req.FinishReason != openai.FinishStop {
			return errGarbage
		}
	}
	for i, tok := range out.Tokens[:n] {
		if tok.End || i >= len(c.req.TokenIDs) || tok.ID != c.req.TokenIDs[i] {
			return errGarbage
		}
	}
	if n != len(c.req.TokenIDs) || len(out.Tokens) == 0 {
		return errGarbage
	}
	return nil
}

// spells compares what the tokens spell with what the reader was given. A text
// that ends answers is cut off with all behind it, and engines may trim the
// blank that a first token begins with.
func spells(text string, c claim) bool {
	for _, t := range []string{text, trimBlank(text)} {
		if t == c.text || c.stops && len(t) > len(c.text) && t[:len(c.text)] == c.text {
			return true
		}
	}
	return false
}

func trimBlank(s string) string {
	if s != "" && s[0] == ' ' {
		return s[1:]
	}
	return s
}

// whole is a text without what is left of letters that were cut apart, which
// engines write in their own ways.
func whole(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\uFFFD", "")
}

// doubt is the evidence against the ends of answers from which on their tokens
// alone acquit nobody, as the logarithm of an e-value.
const doubt = 1

// decide is what the answers so far come to.
func (t *trial) decide() (compare.Answer, compare.Stats, string) {
	if t.lies >= provenBy {
		_, stats := t.alike.body.Decide()
		return compare.Mismatch, stats, t.why
	}
	out, told := compare.Inconclusive, compare.Stats{}
	for _, p := range []pair{t.alike, t.other} {
		answer, stats := p.body.Decide()
		ended, ends := p.ends.Decide()
		switch {
		case answer == compare.Mismatch:
			return answer, stats, "the model would not have said this: " + stats.Why()
		case ended == compare.Mismatch:
			return ended, ends, "the model would not have ended these answers: " + ends.Why()
		// What it says may be the model's while its ends are not: one end comes
		// to dozens of tokens.
		case answer == compare.Match && ends.Against < doubt && !(t.file && t.lies > 0):
			out, told = answer, stats
		case stats.Tokens > told.Tokens && out != compare.Match:
			told = stats
		}
	}
	return out, told, ""
}
