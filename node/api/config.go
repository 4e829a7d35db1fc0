package api

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Config is where and how long the API is served.
type Config struct {
	Home     string        // folder for api.json, api-token and api-port; must exist
	Addr     string        // loopback host:port; port 0 takes the last one of this home if it is free, else any
	IdleExit time.Duration // stop the node after so long without request or live job; 0: never
}

// DefaultConfig listens on a port of 127.0.0.1 that stays the same while nobody
// else takes it: api.json says which.
func DefaultConfig(home string) Config {
	return Config{Home: home, Addr: "127.0.0.1:0"}
}

// Validate refuses an address that others could reach.
func (c Config) Validate() error {
	if c.Home == "" {
		return errors.New("api: no home folder")
	}
	host, port, err := net.SplitHostPort(c.Addr)
	if err == nil && port == "" {
		err = errors.New("no port (0 takes a free one)")
	}
	if err != nil {
		return fmt.Errorf("api: address %q: %w", c.Addr, err)
	}
	if !loopbackHost(host) {
		return fmt.Errorf("api: address %q is not on loopback", c.Addr)
	}
	if c.IdleExit < 0 {
		return errors.New("api: negative idle time")
	}
	return nil
}
