package job

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// tagged is how an effect is written: its kind beside its fields.
type tagged struct {
	Kind   string          `json:"kind"`
	Effect json.RawMessage `json:"effect"`
}

// Outbox is the list of effects not yet carried out. It is a type of its own
// because effects are a closed union and JSON needs to be told which is which.
type Outbox []Effect

// MarshalJSON writes each effect with its kind.
func (o Outbox) MarshalJSON() ([]byte, error) {
	out := make([]tagged, 0, len(o))
	for _, e := range o {
		raw, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("job: effect %s: %w", e.Key(), err)
		}
		out = append(out, tagged{Kind: e.kind(), Effect: raw})
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes; an unknown kind or field is an error.
func (o *Outbox) UnmarshalJSON(raw []byte) error {
	var in []tagged
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	var out Outbox
	for _, t := range in {
		e, err := decodeEffect(t)
		if err != nil {
			return err
		}
		out = append(out, e)
	}
	*o = out
	return nil
}

func decodeEffect(t tagged) (Effect, error) {
	switch t.Kind {
	case Match{}.kind():
		return strict[Match](t)
	case Dispatch{}.kind():
		return strict[Dispatch](t)
	case RequestReveal{}.kind():
		return strict[RequestReveal](t)
	case Fetch{}.kind():
		return strict[Fetch](t)
	case Compare{}.kind():
		return strict[Compare](t)
	case Audit{}.kind():
		return strict[Audit](t)
	case Settle{}.kind():
		return strict[Settle](t)
	case Abort{}.kind():
		return strict[Abort](t)
	case Merge{}.kind():
		return strict[Merge](t)
	case Finish{}.kind():
		return strict[Finish](t)
	}
	return nil, fmt.Errorf("job: effect of unknown kind %.40q", t.Kind)
}

func strict[E Effect](t tagged) (Effect, error) {
	var e E
	d := json.NewDecoder(bytes.NewReader(t.Effect))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return nil, fmt.Errorf("job: effect of kind %s: %w", t.Kind, err)
	}
	return e, nil
}
