package audit

import "math"

// lottery follows the job in turns, in each of which everybody who was not
// caught gets a shard.
func (p Plan) lottery(canaries float64) Prediction {
	lies := liar{p.Cheats, p.Power, canaries}
	if p.Collude {
		lies.power *= 1 - p.Cheaters // one of the ring confirms the other
	}
	// Of more providers than these only the shards that each gets matter.
	many := min(p.Providers, mostProviders)
	d := dealing{
		lies: lies, replay: p.Replay, cost: p.AuditCost, chance: p.Cheaters, anew: 1,
		room: p.Room, crowd: newCrowd(many, p.Cheaters, float64(p.Pool)/float64(p.Providers)), alive: 1,
		honest: newWalk(p.Policy, p.Tracks, p.Credit), cheater: newWalk(p.Policy, p.Tracks, p.Credit),
	}
	if new := 1 - float64(p.Providers)/float64(p.Pool); new > 0 {
		d.anew = 1 / max(1-new*p.Cheaters*p.Cheats*lies.power, fewest)
	}
	d.honest.late, d.cheater.late = true, true
	each := float64(p.Shards) / float64(p.Providers)
	parts := 1
	if each < longJob && !p.Adaptive {
		parts = fineParts
	}
	d.proven = [2]room{newRoom(p, parts), newRoom(p, parts)}
	for left := each; left > least && d.share() > fewest; {
		own := min(1/float64(parts), left/d.share())
		left -= own * d.share()
		d.turn(own)
	}
	out := Prediction{Caught: 1 - d.alive, Delay: d.believed}
	out.Audits = d.audits * float64(p.Providers)
	out.Slip = p.Cheaters * d.alive * d.kept / each
	out.Factor = 1 + canaries + (p.AuditCost*(d.audits+d.disputes)+d.redone)/each
	return p.finish(out)
}

const (
	least         = 1e-9
	mostProviders = 48
	fewest        = 0.01 // of the providers: then nobody is left to do the rest
	longJob       = 50   // shards a provider: then a turn is a small step
	fineParts     = 4    // of a turn, where it is a big one
)

// dealing is a job under way. All numbers are in expectation, of one provider,
// honest or not, or where it says so of one cheater.
type dealing struct {
	lies            liar
	replay          bool    // see Plan
	cost            float64 // of a replay
	anew            float64 // runs it takes to do one again: others that come in lie, too
	chance          float64 // that a provider cheats
	honest, cheater *walk
	crowd           crowd

	room   float64 // see Plan
	proven [2]room // of an honest one, and of a cheater that is still there

	alive  float64 // chance that a cheater was not caught yet
	kept   float64 // wrong results that a cheater which is still there is believed for
	claims float64 // all results that it is believed for

	lent     float64 // audits of others, of the last turn
	others   float64 // runs of the last turn that decide, or are in a caught one's place
	audits   float64 // drawn
	disputes float64 // runs that decide who lied
	redone   float64 // runs in place of what a caught one was believed for
	believed float64 // wrong results of a cheater that were believed at first
}

// share is the part of the providers that was not caught.
func (d *dealing) share() float64 { return 1 - d.chance + d.chance*d.alive }

// turn gives each provider own shards of the job, and its part of the runs that
// check what others did in the turn before: all compute at the same time.
func (d *dealing) turn(own float64) {
	if d.alive < least {
		d.cheater.clear()
	}
	chosen := (1-d.chance)*d.honest.chosen(own) + d.chance*d.cheater.chosen(own)*d.alive/max(d.cheater.alive(), least)
	lent := d.lent
	if d.replay {
		lent = 0 // who replays shows nothing of its own
	}
	// Who was found right holds more at a time, and so gets more of these runs.
	wide, narrow := d.proven[0].weight(d.room), d.proven[1].weight(d.room)
	all := max((1-d.chance)*wide+d.chance*d.alive*narrow, least)
	was := max(d.cheater.alive(), least)
	d.proven[0].see(own*d.honest.chosen(1)/max(d.honest.alive(), least) + (lent+d.others)*wide/all)
	d.proven[1].see((own*d.cheater.chosen(1)/was + (lent+d.others)*narrow/all) * (1 - d.lies.cheats))
	d.honest.step(own, lent*wide/all, d.others*wide/all, liar{})
	c := d.cheater.step(own, lent*narrow/all, d.others*narrow/all, d.lies)
	after := max(d.cheater.alive(), least)

	// What one was believed for is done once more where it was right, and twice
	// where it was wrong: there the first differs from it.
	again := (d.claims + d.kept) * d.anew
	infect := (again + 1) * d.lies.cheats * d.lies.power
	if d.replay {
		again, infect = d.cost*d.claims+d.kept, 0
	}
	now := d.crowd.catch(1-after/was, infect, wide/narrow)
	caught := d.chance * max(d.alive-now, 0)
	d.believed += (d.alive + now) / 2 * c.believed / was
	d.kept += c.kept / after
	d.claims += c.claimed / after
	d.alive = now
	d.audits, d.disputes, d.redone = d.audits+chosen, d.disputes+caught, d.redone+caught*again
	d.lent, d.others = chosen, caught*(1+again)
}

// room is the chance that a provider was found right at least once: what is
// compared counts a turn later.
type room struct {
	chance  float64
	waiting []float64 // results found right, of the parts of a turn
}

func newRoom(p Plan, parts int) room {
	known := 0
	for _, t := range p.Tracks {
		if t.Valid > 0 {
			known++
		}
	}
	return room{float64(known) / float64(max(len(p.Tracks), 1)), make([]float64, parts)}
}

// see counts so many results, by chance, that were checked and right.
func (r *room) see(right float64) {
	r.waiting = append(r.waiting, right)
	r.chance = 1 - (1-r.chance)*math.Exp(-r.waiting[0])
	r.waiting = r.waiting[1:]
}

// weight is how much such a provider holds at a time; a newcomer holds 1.
func (r *room) weight(proven float64) float64 { return 1 + (proven-1)*r.chance }
