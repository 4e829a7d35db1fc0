package audit

import "math"

// crowd is the distribution of jobs over how many cheaters they have and how many
// of these were not caught. Those who are caught draw others after them, so that
// cheaters are found together and not each by itself: what one was believed for
// is computed again, as an infection is passed on in the chain of Reed and Frost.
type crowd struct {
	providers int
	others    float64     // providers beside these that do what is to be done again
	mass      [][]float64 // by cheaters, by those of them not caught
}

func newCrowd(providers int, chance, pool float64) crowd {
	c := crowd{providers: providers, others: float64(providers) * (pool - 1), mass: make([][]float64, providers+1)}
	for k, m := range binomial(providers, chance) {
		c.mass[k] = make([]float64, k+1)
		c.mass[k][k] = m
	}
	return c
}

// catch lets each cheater be found with a chance, and those who are found draw
// others after them: infect is the number of runs that follow from one catch,
// times the chance that such a run shows a cheater, of which an honest provider
// gets wider times as many. It returns the share of all cheaters that was not
// caught.
func (c crowd) catch(found, infect, wider float64) (alive float64) {
	all := 0.0
	for n, row := range c.mass {
		next := make([]float64, n+1)
		for k, m := range row {
			if m < least {
				continue
			}
			all += m * float64(n)
			for j, p := range binomial(k, found) {
				c.spread(next, k-j, j, float64(c.providers-n)*wider+c.others, m*p, infect)
			}
		}
		c.mass[n] = next
		for k, m := range next {
			alive += m * float64(k)
		}
	}
	if all == 0 {
		return 1
	}
	return alive / all
}

// spread follows j catches of one moment among k cheaters and those who stand for
// so many others, until nobody more is caught.
func (c crowd) spread(next []float64, k, j int, others, mass, infect float64) {
	if mass < least {
		return
	}
	if j == 0 || k == 0 {
		next[k] += mass
		return
	}
	hit := 1 - math.Exp(-float64(j)*infect/max(float64(k)+others, 1))
	for i, p := range binomial(k, hit) {
		c.spread(next, k-i, i, others, mass*p, infect)
	}
}

// binomial is the chance of each number of hits among n.
func binomial(n int, p float64) []float64 {
	out := make([]float64, n+1)
	if p = unit(p); p == 1 {
		out[n] = 1
		return out
	}
	out[0] = math.Pow(1-p, float64(n))
	for i := 1; i <= n; i++ {
		out[i] = out[i-1] * float64(n-i+1) / float64(i) * p / (1 - p)
	}
	return out
}
