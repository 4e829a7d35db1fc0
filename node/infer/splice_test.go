package infer

import (
	"errors"
	"strings"
	"testing"

	"infernet.tech/infernet/node/infer/meter"
	"infernet.tech/infernet/node/serving"
)

// events runs texts of a second answer through a splice after given ones and
// returns what the reader gets to see of it.
func events(t *testing.T, had []string, second []string) (string, error) {
	t.Helper()
	var g given
	for _, data := range had {
		c, err := meter.Parse([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		g.add(c, true)
	}
	s := newSplice(&g)
	var out strings.Builder
	for _, data := range second {
		c, err := meter.Parse([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		raw, _, err := s.event([]byte("data: "+data+"\n\n"), c)
		if err != nil {
			return out.String(), err
		}
		out.Write(raw)
	}
	return out.String(), nil
}

func TestSplice(t *testing.T) {
	t.Parallel()
	had := []string{
		`{"id":"first","created":7,"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}`,
		`{"id":"first","choices":[{"index":0,"delta":{"content":"Hello, "}},{"index":1,"delta":{"content":"Bye"},"finish_reason":"stop"}]}`,
	}
	cases := []struct {
		name   string
		second []string
		want   string
		err    error
	}{
		{"in the middle of a token", []string{`{"id":"b","created":9,"choices":[{"index":0,"delta":{"content":"Hello, world"},"token_ids":[1,2],"logprobs":{}}]}`},
			`data: {"choices":[{"delta":{"content":"world"},"index":0}],"created":7,"id":"first"}` + "\n\n", nil},
		{"in smaller pieces", []string{
			`{"choices":[{"index":0,"delta":{"content":"Hel"}}]}`, `{"choices":[{"index":0,"delta":{"content":"lo, "}}]}`, `{"choices":[{"index":0,"delta":{"content":"you"}}]}`,
		}, `data: {"choices":[{"delta":{"content":"you"},"index":0}],"created":7,"id":"first"}` + "\n\n", nil},
		{"a choice that has ended", []string{`{"choices":[{"index":1,"delta":{"content":"Bye"},"finish_reason":"stop"}]}`}, "", nil},
		{"one that goes on now", []string{`{"choices":[{"index":1,"delta":{"content":"Bye bye"}}]}`}, "", errDiffers},
		{"another text", []string{`{"choices":[{"index":0,"delta":{"content":"Hallo"}}]}`}, "", errDiffers},
		{"a shorter text", []string{`{"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":"stop"}]}`}, "", errDiffers},
		{"usage", []string{`{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}`},
			`data: {"choices":[],"created":7,"id":"first","usage":{"prompt_tokens":1,"completion_tokens":2}}` + "\n\n", nil},
		{"a call of a tool", []string{`{"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"name":"f","arguments":""}}]}}]}`}, "", errDiffers},
		{"no list of choices", []string{`{"choices":null}`}, `data: {"choices":[],"created":7,"id":"first"}` + "\n\n", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := events(t, had, c.second)
			if !errors.Is(err, c.err) || got != c.want {
				t.Errorf("%q, %v\nwant %q, %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestSplicePlain(t *testing.T) {
	t.Parallel()
	got, err := events(t, []string{`{"id":"p","choices":[{"index":0,"text":"ab"}]}`}, []string{`{"id":"q","choices":[{"index":0,"text":"abc"}]}`})
	if want := `data: {"choices":[{"index":0,"text":"c"}],"id":"p"}` + "\n\n"; got != want || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestProtocolNames holds the words of this end against the other's.
func TestProtocolNames(t *testing.T) {
	t.Parallel()
	for mine, theirs := range map[string]string{
		headerLease: serving.HeaderLease, headerUsage: serving.HeaderUsage,
		codeLeaseUnknown: serving.CodeLeaseUnknown, codeLeaseEnded: serving.CodeLeaseEnded, codeLeaseBudget: serving.CodeBudget,
		codeWindowDue: serving.CodeWindowDue, codeMismatch: serving.CodeMismatch, codeUnknown: serving.CodeUnknown,
		codeDisputed: serving.CodeDisputed, codeBusy: serving.CodeBusy, codeUnpaid: serving.CodeUnpaid, codeRefused: serving.CodeRefused,
	} {
		if mine != theirs {
			t.Errorf("%q here, %q there", mine, theirs)
		}
	}
	told := serving.Usage{Requests: 3, In: 1, Out: 2, TotalIn: 10, TotalOut: 20}
	u, ok := parseUsage(told.String() + " were metered")
	if !ok || u.request != (meter.Count{In: 1, Out: 2}) || u.total != (meter.Count{In: 10, Out: 20}) {
		t.Errorf("%+v, %v", u, ok)
	}
}

func FuzzParseUsage(f *testing.F) {
	f.Add("in=12,out=30,total_in=100,total_out=200,requests=7")
	f.Add("in=,out=-1,total_in=99999999999999999999,total_out=")
	f.Fuzz(func(t *testing.T, s string) {
		u, ok := parseUsage(s)
		if ok && max(u.request.In, u.request.Out, u.total.In, u.total.Out) > maxTokens {
			t.Fatalf("%q: %+v", s, u)
		}
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	for i, change := range []func(*Config){
		func(c *Config) { c.Window = 0 }, func(c *Config) { c.Window = c.Budget + 1 }, func(c *Config) { c.PayAt = c.Window + 1 },
		func(c *Config) { c.LeaseLife = 0 }, func(c *Config) { c.Farewell = 0 }, func(c *Config) { c.FirstByteMax = 0 }, func(c *Config) { c.Probe = 0 },
		func(c *Config) { c.Candidates = 0 }, func(c *Config) { c.QuoteTime = 0 }, func(c *Config) { c.MaxEvent = 0 },
		func(c *Config) { c.Choice.Temperature = 0 },
	} {
		c := Default()
		change(&c)
		if !errors.Is(c.Validate(), ErrConfig) {
			t.Errorf("change %d was accepted", i)
		}
	}
	if _, err := New(Default(), Deps{}); !errors.Is(err, ErrDeps) {
		t.Errorf("%v", err)
	}
}
