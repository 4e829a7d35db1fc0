package infer

import (
	"slices"

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

func newDossier(t compare.Thresholds) *dossier { return &dossier{test: newTrial(t)} }

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
// The ends of answers are a test of their own: cutting each short by one lie
// would be lost among its tokens.
type trial struct {
	t          compare.Thresholds
	body, ends *compare.Text
	lies       int    // that need no test: other text than the tokens spell, ended before its length
	why        string // of the first of them
	seen       [][]mark
}

// mark is what one side saw of one token: its log-probability, its rank, and
// how far the choice was from it.
type mark struct {
	Logprob float32 `json:"logprob"`
	Gap     float32 `json:"gap"`
	Rank    int32   `json:"rank"`
}

func newTrial(t compare.Thresholds) trial {
	return trial{t: t, body: compare.NewText(t), ends: compare.NewText(t)}
}

// provenBy is how many plain lies prove something: one may be a fault of
// writing an answer down.
const provenBy = 2

// add takes in the replay of a claim; same says that the replaying engine
// draws as the answering one does. It returns errGarbage for what is no replay
// of it.
func (t *trial) add(c claim, out openai.ReplayResponse, same bool) error {
	if err := fits(c, out); err != nil {
		return err
	}
	heat := temperature(c.req.Temperature)
	marks := make([]mark, 0, len(out.Tokens))
	for _, tok := range out.Tokens {
		to := t.body
		if tok.End {
			to = t.ends
		}
		seen := token(tok, heat, same)
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
	}
	return nil
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

// decide is what the answers so far come to.
func (t *trial) decide() (compare.Answer, compare.Stats, string) {
	answer, stats := t.body.Decide()
	ended, ends := t.ends.Decide()
	switch {
	case t.lies >= provenBy:
		return compare.Mismatch, stats, t.why
	case answer == compare.Mismatch:
		return answer, stats, "the model would not have said these tokens"
	case ended == compare.Mismatch:
		return ended, ends, "the model would not have ended these answers there"
	}
	return answer, stats, ""
}
