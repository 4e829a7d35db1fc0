package holders

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"infernet.tech/infernet/p2p"
	"infernet.tech/infernet/p2p/identity"
)

// Table is the network's table of who announced what; *dht.DHT is one.
type Table interface {
	// EachHolder calls found for at most max nodes that announced ref.
	EachHolder(ctx context.Context, ref string, max int, found func(identity.PubKey)) error
}

// Deps is what a Service works with. Table may be nil: only peers are asked.
type Deps struct {
	Host  *p2p.Host
	Table Table
	Local Local
	Log   *slog.Logger
	Now   func() time.Time // nil: time.Now
}

// Service is one node's part in `/infernet/have/1`. Its methods are safe for
// concurrent use.
type Service struct {
	d     Deps
	hints hints
	rates rates
	lines lines
}

// New returns a service that has started nothing. It answers once Serve is
// registered with the host, for p2p.ProtoHave.
func New(d Deps) *Service {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return &Service{d: d}
}

// points is what a malformed message costs; see p2p.Host.Penalise.
const points = 20

// Serve answers the question of one stream.
func (s *Service) Serve(_ context.Context, st *p2p.Stream) {
	b, err := readFrame(st, maxQuestion)
	if err == nil {
		var out []byte
		if out, err = s.reply(st.Peer(), b); err == nil {
			err = writeFrame(st, out)
		}
	}
	if err == nil {
		return
	}
	if errors.Is(err, ErrProtocol) {
		s.d.Host.Penalise(st.Peer(), points, "malformed question for content")
	}
	s.d.Log.Debug("question for content", "peer", st.Peer().Short(), "err", err)
	_ = st.Reset()
}

// reply answers a question's bytes.
func (s *Service) reply(peer identity.PubKey, b []byte) ([]byte, error) {
	asked, err := parseQuestion(b)
	if err != nil {
		return nil, err
	}
	if !s.rates.take(peer, len(asked), s.d.Now()) {
		return encode(reply{V: version, Busy: true})
	}
	// Names and other holders come as long as there is room for them: what is
	// asked for is answered in any case.
	room := maxReply - 64 - len(asked)*answerSize
	list := []byte{'['}
	for i, q := range asked {
		if i > 0 {
			list = append(list, ',')
		}
		a, err := encode(s.answer(peer, q, &room))
		if err != nil {
			return nil, err
		}
		list = append(list, a...)
	}
	return encode(reply{V: version, Answers: append(list, ']')})
}

// answerSize is at least the JSON of an answer without names and others.
const answerSize = 256

// answer asks the local side and adds what others told in public.
func (s *Service) answer(peer identity.PubKey, q asked, room *int) Answer {
	form, err := FormOf(q.Ref)
	if err != nil {
		return Answer{}
	}
	a := s.d.Local.Answer(peer, q.Ref)
	a.Names = a.Names[:min(len(a.Names), maxNames)]
	for i, ev := range a.Names {
		if *room -= len(ev.Bytes()) + 16; *room < 0 {
			a.Names = a.Names[:i]
			break
		}
	}
	// Who else holds it is told of nothing but what is given to everybody here.
	a.Others = nil
	if !a.Public || !a.Has() {
		return a
	}
	for _, p := range s.hints.get(q.Ref, maxOthers, peer, s.d.Now()) {
		o := Other{Peer: p, Addrs: short(s.d.Host.AddrsOf(p))}
		if *room -= 128 + maxAddr*len(o.Addrs); *room < 0 {
			break
		}
		a.Others = append(a.Others, o)
	}
	if q.Seed && form == FormCID {
		s.hints.add(q.Ref, peer, s.d.Now())
	}
	return a
}

func short(addrs []string) []string {
	var out []string
	for _, a := range addrs {
		if len(a) <= maxAddr && len(out) < maxAddrs {
			out = append(out, a)
		}
	}
	return out
}

// askTimeout bounds one question, the dial included.
const askTimeout = 8 * time.Second

// Ask asks one peer for many refs, more than one question takes as well. The
// answers are in the order of the refs. Errors: those of p2p.Host.Open,
// ErrProtocol, ErrBusy, ErrRef.
func (s *Service) Ask(ctx context.Context, peer identity.PubKey, refs []string) ([]Answer, error) {
	all := make([]asked, len(refs))
	for i, ref := range refs {
		if _, err := FormOf(ref); err != nil {
			return nil, err
		}
		all[i].Ref = ref
	}
	var out []Answer
	for len(all) > 0 {
		n := min(len(all), maxAsked)
		answers, err := s.ask(ctx, peer, all[:n])
		if err != nil {
			return nil, err
		}
		out, all = append(out, answers...), all[n:]
	}
	return out, nil
}

func (s *Service) ask(ctx context.Context, peer identity.PubKey, asked []asked) ([]Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	b, err := encode(question{V: version, Ask: asked})
	if err != nil {
		return nil, err
	}
	st, err := s.d.Host.Open(ctx, peer, p2p.ProtoHave)
	if err != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	defer func() { _ = st.Close() }()
	defer context.AfterFunc(ctx, func() { _ = st.Reset() })()
	if err := writeFrame(st, b); err != nil {
		return nil, errors.Join(ctx.Err(), fmt.Errorf("asking %s: %w", peer.Short(), err))
	}
	if b, err = readFrame(st, maxReply); err == nil {
		var answers []Answer
		if answers, err = parseReply(b, len(asked)); err == nil {
			return answers, nil
		}
	}
	if errors.Is(err, ErrProtocol) {
		s.d.Host.Penalise(peer, points, "malformed answer about content")
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, errors.Join(ctx.Err(), fmt.Errorf("answer of %s: %w", peer.Short(), err))
}
