package sim

// Plots draws the report: detection by shards delivered, income by day, and what
// was accepted wrongly, by strategy.
func (r Report) Plots() []Plot {
	return nil
}
