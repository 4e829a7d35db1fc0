package audit

import (
	"math"
	"slices"
)

// Overhead is how many extra runs a shard of a new provider's first ones costs,
// in expectation, when every audit is one more run by somebody else and only its
// own audited results count as valid: 0.27 at 50, 0.074 at 500.
func (p Policy) Overhead(shards int) float64 {
	if shards <= 0 {
		return 0
	}
	w := newWalk(p, []Track{{}}, math.MaxUint32)
	sum := 0.0
	for range shards {
		sum += w.chosen(1)
		w.step(1, 0, 0, liar{})
	}
	return sum / float64(shards)
}

// Plan is a job before it runs, for Predict.
type Plan struct {
	Shards    int     // results wanted
	Providers int     // independent providers that can take them; less than 1 is 1
	Pool      int     // among how many others what is to be done again is dealt; at least Providers
	Room      float64 // how many times as much one that was found right holds at a time as a newcomer; less than 1 is 1
	Replicas  int     // results compared of every shard; 1: the lottery decides
	Agree     int     // results that must agree where Replicas is more than 1
	Adaptive  bool    // the rate follows Policy and Tracks; else it is FixedPPM
	Policy    Policy  // its floor and its holding back count
	FixedPPM  uint32  // the rate where it is not adaptive
	Tracks    []Track // what is known of the providers; none: nothing is
	Credit    uint32  // shards a provider does before it is paid
	AuditCost float64 // of one audit, in runs: 1 for a replica, 0.05 for a replay
	Replay    bool    // an audit is a replay: who does it computes nothing that could show it to lie
	CanaryPPM uint32  // extra shards with a known answer
	Cheaters  float64 // share of the providers that cheat
	Cheats    float64 // share of its results in which each does
	Power     float64 // chance that an audit notices; 0 means 1
	Collude   bool    // their wrong results are equal to each other's
}

// Prediction is what a plan comes to, in expectation.
type Prediction struct {
	Factor   float64 // runs a shard, audits and canaries included
	Overhead float64 // Factor-1: what verification adds
	Audits   float64 // results that the lottery chooses
	Slip     float64 // chance that the accepted result of a shard is wrong at the end of the job
	Wrong    float64 // shards accepted with a wrong result: Slip x Shards
	Caught   float64 // chance that a given cheater is caught within the job
	Delay    float64 // wrong results of a cheater that were believed before it was caught
}

// Predict works a plan out, in expectation of many jobs alike. The shards are
// dealt evenly among those who were not caught. What a caught one was believed
// for is computed again by others and compared with what it brought, which finds
// those among them that lie as surely as an audit does.
func Predict(p Plan) Prediction {
	p = p.clean()
	if p.Shards == 0 {
		return Prediction{Factor: 1}
	}
	canaries := float64(p.CanaryPPM) / All
	if p.Replicas > 1 {
		return p.quorum(canaries)
	}
	return p.lottery(canaries)
}

func (p Plan) clean() Plan {
	p.Tracks = slices.Clone(p.Tracks)
	p.Shards, p.Providers = max(p.Shards, 0), max(p.Providers, 1)
	if !(p.Room > 1) {
		p.Room = 1
	}
	p.Room = min(p.Room, 1000)
	p.Pool, p.Replicas = max(p.Pool, p.Providers), max(p.Replicas, 1)
	p.Agree = min(max(p.Agree, 1), p.Replicas)
	p.Cheaters, p.Cheats, p.Power = unit(p.Cheaters), unit(p.Cheats), unit(p.Power)
	if p.Power == 0 {
		p.Power = 1
	}
	if !p.Adaptive {
		p.Policy.FloorPPM, p.Policy.Always, p.Policy.GainPPM = min(p.FixedPPM, All), 0, 0
		for i := range p.Tracks {
			p.Tracks[i].Probation, p.Tracks[i].Suspect = 0, false
		}
	}
	if len(p.Tracks) == 0 {
		p.Tracks = []Track{{}}
	}
	p.AuditCost = max(p.AuditCost, 0)
	return p
}

// quorum: a wrong result is accepted where enough of those who got the shard
// cheat alike. Cheaters that do not collude are found out at their first lie.
func (p Plan) quorum(canaries float64) Prediction {
	out := Prediction{Factor: float64(p.Replicas) * (1 + canaries), Caught: p.Cheaters, Delay: 0}
	lies := p.Cheaters * p.Cheats
	out.Caught = 1 - math.Pow(1-p.Cheats*p.Power, float64(p.Shards*p.Replicas)/float64(p.Providers))
	if p.Collude {
		// They lie only where enough of them met, and alone nobody finds them.
		out.Slip = atLeast(p.Replicas, p.Agree, p.Cheaters) * p.Cheats
		seen := canaries * atLeast(p.Replicas, p.Agree, p.Cheaters) * p.Cheats * p.Power
		out.Caught = 1 - math.Pow(1-seen, float64(p.Shards*p.Replicas)/float64(p.Providers))
	} else {
		// Each first lie costs the third run that decides.
		out.Factor += min(lies*float64(p.Shards), p.Cheaters*float64(p.Providers)) / float64(p.Shards)
	}
	return p.finish(out)
}

func (p Plan) finish(out Prediction) Prediction {
	out.Slip = unit(out.Slip)
	out.Wrong = out.Slip * float64(p.Shards)
	out.Overhead = out.Factor - 1
	return out
}

// atLeast is the chance that k or more of n are cheaters, each with chance a.
func atLeast(n, k int, a float64) float64 {
	sum, choose := 0.0, 1.0
	for i := 0; i <= n; i++ {
		if i >= k {
			sum += choose * math.Pow(a, float64(i)) * math.Pow(1-a, float64(n-i))
		}
		choose = choose * float64(n-i) / float64(i+1)
	}
	return sum
}
