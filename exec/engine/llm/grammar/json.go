package grammar

// JSON is the grammar of any JSON object.
func JSON() *Grammar {
	b := newBuilder()
	start := b.anyObject()
	return &Grammar{b.rules, start}
}

// once makes a rule when it is first needed.
func (b *builder) once(at *int32, make func() int32) int32 {
	if *at == 0 {
		*at = make()
	}
	return *at
}

// blank is a little white space, or none: without end to it a weak model
// would never come to the point.
func (b *builder) blank() int32 {
	return b.once(&b.space, func() int32 {
		indent := b.repeat(b.rule(text(" "), text("\t")), 0, 20)
		return b.rule(nil, text(" "), seq("\n", indent))
	})
}

// character is one character of a JSON string, or its escape.
func (b *builder) character() int32 {
	return b.once(&b.char, func() int32 {
		hex := b.rule(seq(within('0', '9')), seq(within('a', 'f')), seq(within('A', 'F')))
		// No halves of surrogate pairs: they are no characters.
		first := b.rule(seq(within('0', '9')), seq(within('a', 'c')), seq(within('A', 'C')), text("e"), text("E"), text("f"), text("F"))
		half := b.rule(text("d"), text("D"))
		alternatives := [][]symbol{
			seq(`\u`, first, hex, hex, hex), seq(`\u`, half, within('0', '7'), hex, hex),
			seq(within(0x20, 0x21)), seq(within(0x23, 0x5b)), seq(within(0x5d, 0x7e)),
		}
		for _, c := range `"\/bfnrt` {
			alternatives = append(alternatives, text(`\`+string(c)))
		}
		return b.rule(append(alternatives, runes(0x80, 0x10ffff)...)...)
	})
}

func (b *builder) anyString() int32 {
	return b.once(&b.str, func() int32 { return b.rule(seq(`"`, b.repeat(b.character(), 0, -1), `"`)) })
}

// digits is a whole number that is not negative.
func (b *builder) digits() int32 {
	more := b.repeat(b.rule(seq(within('0', '9'))), 0, 15)
	return b.rule(text("0"), seq(within('1', '9'), more))
}

// fraction is what may follow the digits of a number.
func (b *builder) fraction() []symbol {
	digit := b.rule(seq(within('0', '9')))
	point := b.rule(nil, seq(".", b.repeat(digit, 1, 16)))
	sign := b.rule(nil, text("-"), text("+"))
	exponent := b.rule(nil, seq(b.rule(text("e"), text("E")), sign, b.repeat(digit, 1, 3)))
	return seq(point, exponent)
}

func (b *builder) anyInteger() int32 {
	return b.once(&b.integer, func() int32 { return b.rule(seq(b.rule(nil, text("-")), b.digits())) })
}

func (b *builder) anyNumber() int32 {
	return b.once(&b.number, func() int32 { return b.rule(seq(b.anyInteger(), b.fraction())) })
}

func (b *builder) anyValue() int32 {
	if b.value == 0 {
		b.value = b.reserve()
		b.set(b.value, seq(b.anyString()), seq(b.anyNumber()), seq(b.anyObject()), seq(b.anyArray()), text("true"), text("false"), text("null"))
	}
	return b.value
}

func (b *builder) anyObject() int32 {
	if b.object == 0 {
		b.object = b.reserve()
		b.set(b.object, seq("{", b.blank(), b.rule(nil, b.pairs(b.anyValue())), "}"))
	}
	return b.object
}

func (b *builder) anyArray() int32 {
	if b.array == 0 {
		b.array = b.reserve()
		b.set(b.array, b.list(b.anyValue(), 0, -1))
	}
	return b.array
}

// pairs is one member of any name or more, of this value.
func (b *builder) pairs(value int32) []symbol {
	pair := b.rule(seq(b.anyString(), b.colon(), value, b.blank()))
	return seq(pair, b.repeat(b.rule(seq(",", b.blank(), pair)), 0, -1))
}

func (b *builder) colon() []symbol { return seq(":", b.blank()) }

// list is an array of min to max items, max -1 without end.
func (b *builder) list(item int32, min, max int) []symbol {
	if max == 0 {
		return seq("[", b.blank(), "]")
	}
	one := b.rule(seq(item, b.blank()))
	more := b.rule(seq(",", b.blank(), one))
	rest := max
	if max > 0 {
		rest = max - 1
	}
	items := b.rule(seq(one, b.repeat(more, lower(min-1), rest)))
	if min == 0 {
		items = b.rule(nil, seq(items))
	}
	return seq("[", b.blank(), items, "]")
}

func lower(n int) int { return max(n, 0) }
