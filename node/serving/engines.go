package serving

import (
	"context"

	"infernet.tech/infernet/exec/engine"
)

// Engines is the Pool of real engines; a Model's Spec says what to run.
type Engines struct{ Pool *engine.Pool }

var _ Pool = Engines{}

// Acquire implements Pool. Its errors are those of engine.Pool.Acquire.
func (e Engines) Acquire(ctx context.Context, m Model, tenant string) (Slot, error) {
	slot, err := e.Pool.Acquire(ctx, m.Spec, tenant)
	if err != nil {
		return nil, err
	}
	return slot, nil
}

// Load implements Pool.
func (e Engines) Load(m Model) Load {
	for _, st := range e.Pool.Status() {
		if st.Key == m.Spec.Key {
			return Load{Active: st.Active, Queued: st.Queued, Parallel: st.Parallel, Warm: st.State == engine.Ready}
		}
	}
	return Load{}
}
