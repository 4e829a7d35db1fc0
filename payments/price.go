package payments

// Rate is an advertised price: Base for a shard, whatever its size, and PerUnit
// for each unit of work in it.
type Rate struct {
	Base    uint64 `json:"base"`
	PerUnit uint64 `json:"per_unit"`
	Unit    Unit   `json:"unit"`
}

// Price is what a shard of so many units of work costs at rate r: Base plus
// units times PerUnit, exactly. Quote, charge and receipt all call it, so that
// what is advertised is what is billed. It returns ErrOverflow or ErrSyntax.
func Price(r Rate, units uint64) (Amount, error) {
	base := Amount{Value: r.Base, Unit: r.Unit}
	if err := base.Validate(); err != nil {
		return Amount{}, err
	}
	work, err := Amount{Value: r.PerUnit, Unit: r.Unit}.Mul(units)
	if err != nil {
		return Amount{}, err
	}
	return base.Add(work)
}
