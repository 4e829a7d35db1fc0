package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every verb tells what it is for and shows how it is used, in lines that fit
// a terminal and with flags that all say what they do.
func TestEveryVerbIsExplained(t *testing.T) {
	t.Parallel()
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			look(sub)
		}
		if c.HasSubCommands() || !c.Runnable() || c.Name() == "help" {
			return
		}
		if c.Short == "" || !strings.Contains(c.Example, " "+c.Name()) {
			t.Errorf("%s: %q, for example %q", c.CommandPath(), c.Short, c.Example)
		}
		for _, line := range strings.Split(c.Long, "\n") {
			if len([]rune(line)) > 110 {
				t.Errorf("%s: a line of %d letters: %s", c.CommandPath(), len([]rune(line)), line)
			}
		}
	}
	look(newRoot(newApp(nil, nil, nil)))
}
