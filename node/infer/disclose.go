package infer

import (
	"infernet.tech/infernet/p2p/wire"
)

// disclose shows the provider of a lease that is over the secret of its audits,
// on the stream of its last window. What does not arrive is not sent again: the
// provider keeps what it could not check.
func (r *Router) disclose(t *talk, l *lease) {
	l.mu.Lock()
	c := l.record
	l.mu.Unlock()
	if c.Secret.IsZero() {
		return
	}
	for _, m := range c.disclosures() {
		_, ans, err := r.ask(t, m)
		if err == nil {
			if p, derr := wire.Decode[wire.Progress](ans); derr != nil || p.Job != c.ID {
				err = errProtocol
			}
		}
		if err != nil {
			r.log.Debug("audits not disclosed", "lease", l.ID.Short(), "err", err)
			return
		}
	}
}
