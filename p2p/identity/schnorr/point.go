package schnorr

// affine is a point of the curve y² = x³ + 7; none is the point at infinity.
type affine struct{ x, y field }

// jacobian is the point (x/z², y/z³), or infinity where z is zero.
type jacobian struct{ x, y, z field }

// lift sets p to the point of that x whose y is even, and tells whether there is
// one: BIP-340's lift_x. x is 32 bytes, big-endian.
func (p *affine) lift(x []byte) bool {
	if !p.x.setBytes(x) {
		return false
	}
	var yy field
	yy.square(&p.x)
	yy.mul(&yy, &p.x)
	yy.add(&yy, &field{7})
	if !p.y.root(&yy) {
		return false
	}
	if p.y.isOdd() {
		p.y.negate(&p.y)
	}
	return true
}

func (p *jacobian) set(q *affine) { *p = jacobian{q.x, q.y, field{1}} }

// double sets p to p + p. The curve has no point whose y is zero, and infinity
// stays what it is.
func (p *jacobian) double() {
	var a, b, c, d, t field
	p.z.mul(&p.y, &p.z)
	p.z.add(&p.z, &p.z)
	b.square(&p.y)
	d.mul(&p.x, &b) // x·y²
	d.add(&d, &d)
	d.add(&d, &d)
	c.square(&b) // y⁴
	c.add(&c, &c)
	c.add(&c, &c)
	c.add(&c, &c)
	a.square(&p.x)
	t.add(&a, &a)
	a.add(&a, &t) // 3x²
	p.x.square(&a)
	p.x.sub(&p.x, &d)
	p.x.sub(&p.x, &d)
	t.sub(&d, &p.x)
	p.y.mul(&a, &t)
	p.y.sub(&p.y, &c)
}

// add sets p to p + q, whatever the two are.
func (p *jacobian) add(q *affine) {
	if p.z.isZero() {
		p.set(q)
		return
	}
	var zz, h, r, hh, v, t field
	zz.square(&p.z)
	h.mul(&q.x, &zz)
	h.sub(&h, &p.x)
	zz.mul(&zz, &p.z)
	r.mul(&q.y, &zz)
	r.sub(&r, &p.y)
	if h.isZero() {
		if r.isZero() {
			p.double()
		} else {
			*p = jacobian{}
		}
		return
	}
	p.z.mul(&p.z, &h)
	hh.square(&h)
	v.mul(&p.x, &hh)
	h.mul(&h, &hh) // h³
	p.x.square(&r)
	p.x.sub(&p.x, &h)
	p.x.sub(&p.x, &v)
	p.x.sub(&p.x, &v)
	t.sub(&v, &p.x)
	h.mul(&h, &p.y)
	p.y.mul(&r, &t)
	p.y.sub(&p.y, &h)
}

// affine returns p, which is not infinity, with z divided out.
func (p *jacobian) affine() affine {
	var inv field
	inv.invert(&p.z)
	return p.by(&inv)
}

// by returns (x·t², y·t³): p without its z, where t is the inverse of that.
func (p *jacobian) by(t *field) (out affine) {
	var power field
	power.square(t)
	out.x.mul(&p.x, &power)
	power.mul(&power, t)
	out.y.mul(&p.y, &power)
	return out
}

// keyOdds is how many odd multiples of a key are added up for one signature.
const keyOdds = 8

// odds returns p, 3p, 5p and so on.
func (p *affine) odds() (table [keyOdds]affine) {
	// The sums are made where 2p has no z: on this curve scaled by that z, for
	// which add is the same.
	var twice, sum jacobian
	twice.set(p)
	twice.double()
	step := affine{twice.x, twice.y}
	first := (&jacobian{x: p.x, y: p.y}).by(&twice.z)
	sum.set(&first)
	var zs, before [keyOdds]field
	product := field{1}
	for i := range table {
		if i > 0 {
			sum.add(&step)
		}
		zs[i].mul(&sum.z, &twice.z)
		table[i], before[i] = affine{sum.x, sum.y}, product
		product.mul(&product, &zs[i])
	}
	// One inversion serves all: what is left of the product is taken apart.
	var inv, rest field
	rest.invert(&product)
	for i := keyOdds - 1; i >= 0; i-- {
		inv.mul(&rest, &before[i])
		rest.mul(&rest, &zs[i])
		table[i] = (&jacobian{x: table[i].x, y: table[i].y}).by(&inv)
	}
	return table
}

// turn returns λp for p, at the cost of one multiplication: λ(x, y) = (βx, y).
func (p *affine) turn() affine {
	out := *p
	out.x.mul(&p.x, &field{0xC1396C28719501EE, 0x9CF0497512F58995, 0x6E64479EAC3434E9, 0x7AE96A2B657C0710})
	return out
}
