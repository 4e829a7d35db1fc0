package sim

// Estimate is a measured number with its 95% interval, over N cases. A
// proportion has Wilson's interval, a mean that of the bootstrap; with N = 0
// nothing was seen, and the numbers say nothing.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	N     int     `json:"n"`
}

// Holds reports whether v lies in the interval.
func (e Estimate) Holds(v float64) bool { return e.N > 0 && v >= e.Low && v <= e.High }

// Row is one world: what one strategy came to.
type Row struct {
	Strategy Strategy `json:"strategy"`
	Role     string   `json:"role"`
	Players  int      `json:"players"` // how many played it, names taken later included

	Jobs   int     `json:"jobs"`
	Done   int     `json:"jobs_done"`
	Shards int     `json:"shards"`          // with a result
	Hands  float64 `json:"providers_a_job"` // with equal shares that a job was as good as dealt among, on average

	Wrong         int      `json:"wrong_results"`        // wrong results that were delivered to a client, accepted or not
	Accepted      int      `json:"wrong_accepted"`       // shards of finished jobs with a wrong result
	AcceptedShare Estimate `json:"wrong_accepted_share"` // of Shards
	Detected      Estimate `json:"detected"`             // share of the cheaters that cheated and were caught at least once
	Delay         Estimate `json:"delay_shards"`         // shards a cheater had accepted wrongly before a client caught it first
	FalseBlame    Estimate `json:"false_blame"`          // share of the audits of honest work that blamed its provider
	Overhead      Estimate `json:"overhead"`             // executions beyond one, per shard with a result
	Cost          Estimate `json:"cost"`                 // paid per shard with a result, in prices of one execution
	HonestIncome  Estimate `json:"honest_income"`        // per honest provider and computed or claimed shard, paid less what computing costs
	CheatIncome   Estimate `json:"cheat_income"`         // the same of the strategy's players
	HonestTotal   Estimate `json:"honest_total"`         // per honest provider, over the whole time
	CheatTotal    Estimate `json:"cheat_total"`          // per player, names taken later included
	Unpaid        Estimate `json:"unpaid"`               // share of the right results shown to a client that it did not pay

	Lottery    Lottery `json:"lottery"`     // of all results
	WrongDraws Lottery `json:"wrong_draws"` // of wrong ones

	Curves Curves `json:"curves"`
}

// Curves are what a plot needs.
type Curves struct {
	Caught []Point `json:"caught"` // share of the cheaters caught, by shards each had delivered
	Honest []Point `json:"honest"` // mean income of an honest provider, by day
	Cheat  []Point `json:"cheat"`  // mean income of a player, by day
}

// Point is one of a curve.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Report is what came of all worlds.
type Report struct {
	Config Config `json:"config"`
	Rows   []Row  `json:"rows"`
}

// Plot is a picture of a report.
type Plot struct {
	Name string // of the file, without its ending
	SVG  []byte
}
