package market

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"infernet.tech/infernet/payments"
)

// Match sorts candidates into those that can do what is needed, best first, and
// those that cannot. Both answers are a function of its arguments alone, and do
// not depend on the order of cands.
//
// The best is the one with the highest score²/(price·ETA), so that twice the
// reputation is worth four times the price; a provider that has the model or the
// image already saves the transfer and ranks half as high again. ExplorePct of
// the places go to providers without a history, drawn by the seed.
func Match(need Need, cands []Candidate, policy Policy) (ok []Ranked, dropped []Dropped) {
	for _, c := range cands {
		if d := firstFailed(need, c, policy); d != nil {
			d.Provider = c.Provider
			dropped = append(dropped, *d)
			continue
		}
		price, _ := priceOf(need, c)
		ok = append(ok, Ranked{Candidate: c, Price: price, Rank: rank(need, c, price)})
	}
	slices.SortStableFunc(dropped, func(a, b Dropped) int {
		return strings.Compare(a.Provider.Hex(), b.Provider.Hex())
	})
	slices.SortStableFunc(ok, func(a, b Ranked) int {
		switch {
		case a.Rank > b.Rank:
			return -1
		case a.Rank < b.Rank:
			return 1
		}
		return strings.Compare(a.Provider.Hex(), b.Provider.Hex())
	})
	explore(ok, policy)
	return ok, dropped
}

// priceOf is what the candidate's quote comes to for the biggest shard.
func priceOf(need Need, c Candidate) (payments.Amount, error) {
	return payments.Price(rateOf(c), max(need.Units, 1))
}

func rateOf(c Candidate) payments.Rate {
	return payments.Rate{Base: c.Quote.Price.Base, PerUnit: c.Quote.Price.PerUnit, Unit: payments.Unit(c.Quote.Unit)}
}

func rank(need Need, c Candidate, price payments.Amount) float64 {
	score := c.Score
	if c.New || math.IsNaN(score) {
		score = newcomerScore
	}
	score = min(max(score, 0.01), 1)
	eta := max(float64(c.Quote.ETAMS)/1000, 0.1)
	r := score * score / (float64(price.Value) + 1) / eta
	if (need.Model == "" || c.Quote.HasModel) && (need.Image == "" || c.Quote.HasImage) {
		r *= warmBonus
	}
	return r
}

const (
	newcomerScore = 0.3 // of a provider nothing is known of
	warmBonus     = 1.5
)

// explore moves newcomers up into the places the policy sets aside for them. One
// place in 100/ExplorePct is drawn for one, and it keeps its rank number.
func explore(ok []Ranked, policy Policy) {
	if policy.ExplorePct == 0 {
		return
	}
	for i := range ok {
		if draw(policy, i)%100 >= uint64(min(policy.ExplorePct, 100)) {
			continue
		}
		for k := i; k < len(ok); k++ {
			if ok[k].New && !ok[k].Explore && (policy.ExploreMax == 0 || ok[k].Price.Value <= policy.ExploreMax) {
				chosen := ok[k]
				chosen.Explore = true
				copy(ok[i+1:k+1], ok[i:k])
				ok[i] = chosen
				break
			}
		}
	}
}

// BandWidth is how far below the best rank one may be and still be as good as
// the best: work is dealt at random among those, so that nobody can buy all of it
// by being a little better.
const BandWidth = 1.25

// Band returns those of ranked whose rank is within BandWidth of the best, in
// the order they have.
func Band(ranked []Ranked) []Ranked {
	best := 0.0
	for _, r := range ranked {
		best = max(best, r.Rank)
	}
	var in []Ranked
	for _, r := range ranked {
		if r.Rank*BandWidth >= best {
			in = append(in, r)
		}
	}
	return in
}

func draw(policy Policy, place int) uint64 {
	mac := hmac.New(sha256.New, policy.Seed[:])
	mac.Write(binary.BigEndian.AppendUint32([]byte("infernet/explore/v1/"), uint32(place)))
	return binary.BigEndian.Uint64(mac.Sum(nil))
}
