package serving

import "infernet.tech/infernet/exec/engine/openai"

// perToken is how many bytes of text the estimate takes for a token. It is part
// of the protocol: the client believes the estimate without proof.
const perToken = 4

// estimate is what a prompt is metered at when its request was broken off
// before the engine told the count: so many bytes of text, so many ids of
// tokens. Both sides come to the same number from the same body, so that a
// prompt that was worked on is neither free nor disputed.
func estimate(text, ids int) uint64 {
	return max(uint64((text+perToken-1)/perToken+ids), 1)
}

// chatSize is the bytes of a conversation's texts; what is no text counts
// nothing, for nobody knows before the engine does.
func chatSize(messages []openai.Message) (text int) {
	for _, m := range messages {
		text += len(m.Content.Text)
		for _, p := range m.Content.Parts {
			if p.Raw == nil {
				text += len(p.Text)
			}
		}
	}
	return text
}

func inputSize(in openai.Input) (text, ids int) {
	for _, one := range in.Texts {
		text += len(one)
	}
	for _, one := range in.Tokens {
		ids += len(one)
	}
	return text, ids
}

// replayed checks a replay and estimates its prompt and answer, both of which
// the engine reads.
func replayed(body []byte) (uint64, error) {
	r, err := openai.DecodeReplay(body)
	if err != nil {
		return 0, err
	}
	return estimate(chatSize(r.Messages)+len(r.Prompt)+len(r.Completion), len(r.PromptTokenIDs)+len(r.TokenIDs)), nil
}
