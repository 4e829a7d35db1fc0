package openai

// ReplayRequest is the body of POST /infernet/replay: one of PromptTokenIDs,
// Prompt and Messages, and one of TokenIDs and Completion, or neither where
// the claim is that the model said nothing and stopped.
type ReplayRequest struct {
	Model          string    `json:"model,omitempty"`
	PromptTokenIDs []int     `json:"prompt_token_ids,omitempty"`
	Prompt         string    `json:"prompt,omitempty"`
	Messages       []Message `json:"messages,omitempty"`
	TokenIDs       []int     `json:"token_ids,omitempty"`
	Completion     string    `json:"completion,omitempty"`

	// FinishReason FinishStop claims that the model itself ended the answer:
	// its end is judged as one more token.
	FinishReason string `json:"finish_reason,omitempty"`

	// How the answer was chosen, as the request for it said. A nil temperature
	// is 1, as it is there. Seed and Choice, the number of the answer among the
	// n asked for, make the replay draw the same tokens as the engine drew.
	Temperature       *float64           `json:"temperature,omitempty"`
	TopP              *float64           `json:"top_p,omitempty"`
	TopK              int                `json:"top_k,omitempty"`
	MinP              float64            `json:"min_p,omitempty"`
	PresencePenalty   *float64           `json:"presence_penalty,omitempty"`
	FrequencyPenalty  *float64           `json:"frequency_penalty,omitempty"`
	RepetitionPenalty float64            `json:"repetition_penalty,omitempty"`
	LogitBias         map[string]float64 `json:"logit_bias,omitempty"`
	Seed              *int64             `json:"seed,omitempty"`
	Choice            int                `json:"choice,omitempty"`
}

// ReplayResponse says how likely the model holds each claimed token. Text is
// what the claimed tokens spell together.
type ReplayResponse struct {
	Tokens []ReplayToken `json:"tokens"`
	Text   string        `json:"text"`
	Usage  *Usage        `json:"usage,omitempty"`
}

// ReplayToken is one claimed token: its natural log-probability given all
// before it, its rank (0 the likeliest), and the likeliest at its place, all of
// them after penalties and biases and before temperature.
type ReplayToken struct {
	ID      int       `json:"id"`
	Text    string    `json:"text"`
	Logprob float64   `json:"logprob"`
	Rank    int       `json:"rank"`
	Top     ReplayTop `json:"top"`

	// Sampled is the token's log-probability as it is drawn: at the
	// temperature, among what top_k, top_p and min_p leave; Entropy (nats) and
	// Varentropy (nats squared) are the mean and the variance of its negative
	// there. Of a token that is Outside, which cannot be drawn, Sampled is told
	// as if nothing had been cut off. All are 0 for temperature 0.
	Sampled    float64 `json:"sampled"`
	Entropy    float64 `json:"entropy"`
	Varentropy float64 `json:"varentropy"`
	Outside    bool    `json:"outside,omitempty"`

	// End marks the token that ends the answer: of several, the likeliest.
	End bool `json:"end,omitempty"`
	// Drawn is there when the request told the seed.
	Drawn *ReplayDrawn `json:"drawn,omitempty"`
}

// ReplayTop is the likeliest token at a place.
type ReplayTop struct {
	ID      int     `json:"id"`
	Logprob float64 `json:"logprob"`
}

// ReplayDrawn is the token that the seed draws at a place, and how far, in
// logits, the draw was from the claimed one: 0 when they are the same.
type ReplayDrawn struct {
	ID  int     `json:"id"`
	Gap float64 `json:"gap"`
}
