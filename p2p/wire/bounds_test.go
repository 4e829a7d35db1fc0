package wire

import (
	"errors"
	"math"
	"reflect"
	"testing"
)

// unbounded are the fields of which every value is good.
var unbounded = map[string]bool{"Accept.Seed": true}

// TestEveryFieldBounded sets each field of each kind, however deep, to values
// no honest peer sends and wants Validate to object each time.
func TestEveryFieldBounded(t *testing.T) {
	t.Parallel()
	lists := map[string]bool{} // by path: whether a sample has it filled
	for _, s := range samples(t) {
		v := reflect.ValueOf(s.msg).Elem()
		if err := s.msg.Validate(); err != nil {
			t.Fatalf("%s: %v", s.msg.Kind(), err)
		}
		wreck(t, s.msg, v, s.msg.Kind().String(), lists)
	}
	for path, filled := range lists {
		if !filled {
			t.Errorf("%s: no sample has it", path)
		}
	}
}

func wreck(t *testing.T, m Message, v reflect.Value, path string, lists map[string]bool) {
	if unbounded[path] {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			wreck(t, m, v.Field(i), path+"."+v.Type().Field(i).Name, lists)
		}
	case reflect.Slice:
		lists[path] = lists[path] || v.Len() > 0
		if v.Len() == 0 {
			return
		}
		many := reflect.MakeSlice(v.Type(), 1000, 1000)
		for i := range many.Len() {
			many.Index(i).Set(v.Index(0))
		}
		try(t, m, v, many.Interface(), path)
		wreck(t, m, v.Index(0), path+"[0]", lists)
	case reflect.Array:
		if v.Type().Elem().Kind() != reflect.Uint8 { // not an ID or a key
			for i := range v.Len() {
				wreck(t, m, v.Index(i), path+"[]", lists)
			}
		}
	case reflect.String:
		for _, bad := range []string{long(MaxSpec + 1), "a\x00b", "a\x1b[2J", "\u202egnp.exe", "\xff"} {
			try(t, m, v, bad, path)
		}
	case reflect.Uint64:
		try(t, m, v, uint64(math.MaxUint64), path)
	case reflect.Uint32:
		try(t, m, v, uint32(math.MaxUint32), path)
	case reflect.Int64:
		try(t, m, v, int64(math.MaxInt64), path)
		try(t, m, v, int64(-2), path)
	case reflect.Int:
		try(t, m, v, reflect.ValueOf(math.MaxInt32).Convert(v.Type()).Interface(), path)
	case reflect.Map: // of numbers by name
		many := map[string]string{}
		for i := range 1000 {
			many[string(rune('a'+i%26))+long(i)] = "1"
		}
		for _, bad := range []any{many, map[string]string{"": "1"}, map[string]string{"a b": "1"}, map[string]string{"a": "0x1p4"}} {
			try(t, m, v, bad, path)
		}
	case reflect.Bool, reflect.Uint8, reflect.Uint16: // every step and every day is good
	default:
		t.Errorf("%s: no test for %s", path, v.Kind())
	}
}

func try(t *testing.T, m Message, v reflect.Value, bad any, path string) {
	old := reflect.ValueOf(v.Interface())
	v.Set(reflect.ValueOf(bad))
	defer v.Set(old)
	if err := m.Validate(); !errors.Is(err, ErrInvalid) {
		t.Errorf("%s = %.20v…: Validate returned %v", path, bad, err)
	}
}

// TestZeroMessages wants no message to be good when nothing is set.
func TestZeroMessages(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		v := reflect.ValueOf(s.msg).Elem()
		v.SetZero()
		if err := s.msg.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("zero %s: Validate returned %v", s.msg.Kind(), err)
		}
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		testCID: true,
		"bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354": true,  // dag-pb
		"QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n":              false, // version 0
		"BAFKREIHDWDCEFGH4DQKJV67UZCMW7OJEE6XEDZDETOJUZJEVTENXQUVYKU": false,
		"bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvykv": false, // padding bits set
		"": false,
	} {
		if isCID(s) != want {
			t.Errorf("isCID(%q) = %v", s, !want)
		}
	}
	for s, want := range map[string]bool{"A": true, "_a1": true, "": false, "1A": false, "A-B": false, "A=B": false, "Ä": false} {
		if isEnvName(s) != want {
			t.Errorf("isEnvName(%q) = %v", s, !want)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain é":      "plain é",
		"two\nlines\t": "two lines ",
		"\x1b[2J\xff":  " [2J ",
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q", in, got)
		}
	}
	cut := Printable("x" + string(make([]byte, 5)) + long(MaxText) + "é")
	if len(cut) > MaxText {
		t.Errorf("%d bytes", len(cut))
	}
	many := ""
	for range MaxText {
		many += "é"
	}
	if err := (Error{Code: "c", Text: Printable("x" + many)}).Validate(); err != nil {
		t.Error(err)
	}
}
