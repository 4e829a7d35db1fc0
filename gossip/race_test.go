//go:build race

package gossip_test

// underRace makes tests smaller: signatures take ten times as long.
const underRace = true
