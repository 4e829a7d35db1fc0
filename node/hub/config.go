package hub

import (
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Config is what a Client needs to know.
type Config struct {
	Dir      string            // where downloads go; made when needed
	Endpoint string            // of the server, without a slash at the end
	Token    string            // access token; "" for none
	MaxBytes uint64            // of one file
	Attempts int               // how often a transfer that broke is taken up again
	Wait     time.Duration     // before the first of these; doubles each time
	Idle     time.Duration     // without a byte, after which a transfer counts as broken
	HTTP     http.RoundTripper // nil: http.DefaultTransport
}

// DefaultEndpoint is Hugging Face.
const DefaultEndpoint = "https://huggingface.co"

// Default is Hugging Face without a token.
func Default(dir string) Config {
	return Config{
		Dir: dir, Endpoint: DefaultEndpoint, MaxBytes: 256 << 30, Attempts: 5, Wait: time.Second, Idle: time.Minute,
	}
}

// FromEnv is Default with HF_ENDPOINT and HF_TOKEN as the tools of Hugging
// Face understand them.
func FromEnv(dir string, getenv func(string) string) Config {
	c := Default(dir)
	if e := getenv("HF_ENDPOINT"); e != "" {
		c.Endpoint = e
	}
	c.Token = getenv("HF_TOKEN")
	return c
}

// Validate refuses what cannot work. Errors name no token.
func (c Config) Validate() error {
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil:
		return fmt.Errorf("hub: endpoint %.200q is no http address", c.Endpoint)
	case c.Dir == "" || c.MaxBytes == 0 || c.Attempts < 1 || c.Wait < 0 || c.Idle <= 0:
		return fmt.Errorf("hub: folder, limits and times must be set")
	}
	return nil
}
