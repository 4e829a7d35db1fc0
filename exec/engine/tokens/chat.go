package tokens

import "infernet.tech/infernet/exec/engine/chat"

// EncodeChat returns the tokens that the engine gives a model for a
// conversation: what the model wants in front, and then segment by segment.
// Errors: ErrTooLong.
func EncodeChat(t *Tokenizer, tpl chat.Template, turns []chat.Turn) ([]int, error) {
	// The empty text gives what the model wants in front: its BOS, or nothing.
	out, err := t.EncodePrompt("", false)
	if err != nil {
		return nil, err
	}
	for _, s := range tpl.Render(turns) {
		if out, err = t.append(out, s.Text, s.Control); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// CountChat is how many tokens EncodeChat returns.
func CountChat(t *Tokenizer, tpl chat.Template, turns []chat.Turn) (int, error) {
	out, err := EncodeChat(t, tpl, turns)
	return len(out), err
}
