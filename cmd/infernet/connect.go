package main

import (
	"context"
	"errors"
	"time"

	"infernet.tech/infernet/node/api"
)

// client returns a client for this home's node, starting one in the background
// when none runs.
func (a *app) client(ctx context.Context) (*api.Client, error) {
	c, err := a.running(ctx)
	if err == nil || !errors.Is(err, api.ErrNotRunning) {
		return c, err
	}
	if a.noStart {
		return nil, failf(exitNotRunning, "start one: infernet node", "%s", err)
	}
	return a.background(ctx)
}

// running returns a client for the node that runs now; ErrNotRunning when none does.
func (a *app) running(ctx context.Context) (*api.Client, error) {
	c, err := api.Dial(a.home)
	if err != nil {
		return nil, err
	}
	ask, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := c.Status(ask); err != nil {
		return nil, err
	}
	return c, nil
}
