package wire

import "strconv"

func decimal(v uint64) string { return strconv.FormatUint(v, 10) }

func servedRow(s Served) []string {
	return []string{s.Name, s.Model, s.Image, s.Unit, decimal(s.In), decimal(s.Out), decimal(uint64(s.Context)),
		decimal(s.TPSMilli), decimal(s.TTFTMS), decimal(uint64(s.Parallel))}
}

func parseServed(c codec, s []string) Served {
	num := func(i, bits int) uint64 { return c.parseUint("serve", s[i], bits) }
	return Served{
		Name: s[0], Model: s[1], Image: s[2], Unit: s[3], In: num(4, 64), Out: num(5, 64), Context: uint32(num(6, 32)),
		TPSMilli: num(7, 64), TTFTMS: num(8, 64), Parallel: uint32(num(9, 32)),
	}
}

func benchRow(b Bench) []string {
	return []string{b.Name, decimal(b.Value), b.Unit, strconv.FormatInt(b.At, 10)}
}

func parseBench(c codec, s []string) Bench {
	// Bit 63 is left out: the time is signed.
	return Bench{Name: s[0], Value: c.parseUint("bench", s[1], 64), Unit: s[2], At: int64(c.parseUint("bench", s[3], 63))}
}

// served checks the models and measurements of an offer.
func (c *checks) served(list []Served, benches []Bench) {
	c.count("serve", len(list), maxServed)
	for _, s := range list[:min(len(list), maxServed)] {
		c.modelName("serve name", s.Name)
		c.cid("serve model", s.Model)
		c.digest("serve image", s.Image)
		c.token("serve unit", s.Unit)
		c.tokenRate(s.In, s.Out)
		c.speed(s.TPSMilli, s.TTFTMS, s.Context)
		c.max("serve parallel", uint64(s.Parallel), maxShards)
	}
	c.count("bench", len(benches), maxBenches)
	for _, b := range benches[:min(len(benches), maxBenches)] {
		c.token("bench name", b.Name)
		c.max("bench value", b.Value, maxAmount)
		c.token("bench unit", b.Unit)
		c.unix("bench time", b.At)
	}
}

// modelName checks what a model is called.
func (c *checks) modelName(field, s string) {
	c.token(field, s)
	c.that(len(s) <= MaxModelName, field, "is longer than "+strconv.Itoa(MaxModelName)+" bytes")
}
