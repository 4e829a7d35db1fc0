package compare

// Token is what a replaying engine thinks of one token that was claimed, given
// all before it. Logarithms are natural, and those of Logprob, Entropy and
// Varentropy are taken of the distribution from which the answer was drawn: at
// its temperature, after its truncation (top_p, top_k, min_p).
type Token struct {
	Logprob    float64 // of the claimed token; ignored where Outside
	Entropy    float64 // expectation of the negative log-probability, nats
	Varentropy float64 // variance of the negative log-probability, nats²
	// Outside says that the truncation leaves the claimed token no probability.
	Outside bool
	// Greedy says that the engine has no choice here: temperature 0, or a seed
	// that both know. Then Rank is 0 for the token that it would have picked
	// itself, and TopGap is by how much it prefers that one to the claimed: the
	// difference of log-probabilities, or of what its sampler ranks by.
	Greedy bool
	Rank   int
	TopGap float64
}

// Stats tell what a decision of Text rests on.
type Stats struct {
	Tokens  int     // taken in
	Greedy  int     // of which the engine had no choice
	Flips   int     // of which it would have picked another by more than the noise
	Outside int     // beyond the truncation
	Drift   float64 // mean surprise beyond the expected, in nats a token
	Z       float64 // the same in standard deviations of the whole
	// Against is how strongly the evidence speaks against an honest answer, For
	// how strongly against a wrong one: natural logarithms of e-values.
	Against, For float64
}

// Thresholds are the settings of Text.
type Thresholds struct {
	// Alpha bounds the share of honest answers called a mismatch, Beta that of
	// wrong ones called a match.
	Alpha, Beta float64
	// Margin is the TopGap up to which rounding may pick another token. Of tokens
	// picked greedily, at most a share Flip differs by more when all is honest,
	// and at least Wrong when it is not.
	Margin, Flip, Wrong float64
	// Noise is the drift that rounding may cause, and Shift the least drift of a
	// wrong answer, both as a share of the varentropy.
	Noise, Shift float64
}

// Text decides, token by token, whether an answer came from the model with which
// it is replayed.
type Text struct {
	t     Thresholds
	stats Stats
}

// NewText begins a test.
func NewText(t Thresholds) *Text { return &Text{t: t} }

// Add takes in the next token. Errors: ErrToken.
func (t *Text) Add(tok Token) error { t.stats.Tokens++; return nil }

// Decide says what the tokens so far come to; inconclusive means that more are
// needed.
func (t *Text) Decide() (Answer, Stats) { return Inconclusive, t.stats }
