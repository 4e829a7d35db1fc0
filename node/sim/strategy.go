package sim

import "slices"

// Strategy is how one kind of participant behaves.
type Strategy string

// The strategies. The first is everybody else.
const (
	Honest      Strategy = "honest"      // computes what it was asked, when it was asked
	Lazy        Strategy = "lazy"        // computes nothing: copies a commit it sees, or invents a result
	Swapper     Strategy = "swapper"     // answers with a cheaper model, every time
	OnOff       Strategy = "on-off"      // earns trust, spends it on a run of wrong results, goes away, returns
	Selective   Strategy = "selective"   // cheats in a fifth of its shards
	Dear        Strategy = "dear"        // cheats where the price is high
	Collude     Strategy = "collude"     // a ring whose members give each other's wrong result
	Ring        Strategy = "ring"        // a ring that cheats only where no outsider computes the shard, as far as it can tell
	Sybil       Strategy = "sybil"       // one operator under many names
	Whitewash   Strategy = "whitewash"   // cheats until it is caught, then takes a new name
	Slander     Strategy = "slander"     // computes honestly and tells lies about the others
	NonPaying   Strategy = "non-paying"  // a client that takes results and does not pay
	Withholding Strategy = "withholding" // a client that finds right results wrong, to keep its money
	DeadBeat    Strategy = "dead-beat"   // a validator that agrees with whatever it can copy, or invents
	Nod         Strategy = "nod"         // a validator that finds right whatever the members of a ring say
)

// Where the players are validators, there must be something to decide: as large
// a share of the providers as plays cheats by a strategy of its own.
func companion(s Strategy) Strategy {
	switch s {
	case DeadBeat:
		return Selective
	case Nod:
		return Collude
	}
	return Honest
}

// About tells what a strategy does and who plays it.
type About struct {
	Strategy Strategy `json:"strategy"`
	Role     string   `json:"role"` // provider, client or validator
	What     string   `json:"what"`
}

// Strategies lists all of them in the order of the table.
func Strategies() []About {
	return []About{
		{Honest, RoleProvider, "computes what it was asked"},
		{Lazy, RoleProvider, "computes nothing: copies a commit it sees, or invents a result"},
		{Swapper, RoleProvider, "answers with a cheaper model, every time"},
		{OnOff, RoleProvider, "earns trust, spends it on a run of wrong results, goes away for ten days, returns"},
		{Selective, RoleProvider, "cheats in a fifth of its shards"},
		{Dear, RoleProvider, "cheats in the dearer half of its shards"},
		{Collude, RoleProvider, "a ring whose members all give the same wrong result"},
		{Ring, RoleProvider, "a ring that cheats only where it holds every copy it can see"},
		{Sybil, RoleProvider, "a swarm of one operator under many names, in one subnet"},
		{Whitewash, RoleProvider, "cheats until it is caught, then takes a new name"},
		{Slander, RoleProvider, "computes honestly and tells lies about the others"},
		{NonPaying, RoleClient, "takes results and does not pay"},
		{Withholding, RoleClient, "finds right results wrong, to keep its money"},
		{DeadBeat, RoleValidator, "computes nothing, among providers of which a third is selective"},
		{Nod, RoleValidator, "computes nothing and says what its friends say, a third of the providers, who collude"},
	}
}

// Roles of a strategy.
const (
	RoleProvider  = "provider"
	RoleClient    = "client"
	RoleValidator = "validator"
)

// about returns what is known of a strategy, and whether there is one of that name.
func about(s Strategy) (About, bool) {
	all := Strategies()
	i := slices.IndexFunc(all, func(a About) bool { return a.Strategy == s })
	if i < 0 {
		return About{}, false
	}
	return all[i], true
}
