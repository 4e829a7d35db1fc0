package main

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/engine/enginetest"
	"infernet.tech/infernet/exec/gpu"
	"infernet.tech/infernet/node/imagetest"
)

func imageTestCmd(a *app) *cobra.Command {
	cfg := imagetest.Default()
	var gpus, memory string
	c := &cobra.Command{
		Use: "test IMAGE", Short: "try an engine's image against the contract",
		Long: `Start an image as a warm engine, as a provider would, and check that it keeps the contract
of node/docs/engines.md: what must be there, what should be, and what it can do. IMAGE is
a tar made by docker save, an OCI layout folder, or ` + engine.ImageName + ` for the default engine.
Without --model it serves the demonstration model, a small GGUF file. Needs Linux, root
and the programs that make builds, and no node; everything is removed afterwards. The exit
code is 17 when something is missing that must be there.`,
		Example: "  sudo infernet image test " + engine.ImageName + `
  docker save me/engine -o engine.tar && sudo infernet image test engine.tar
  sudo infernet image test vllm.tar --adapter vllm --model ./qwen --gpus all --memory 24GiB --json`,
		Args: args(1, 1, "one IMAGE"),
		RunE: func(cmd *cobra.Command, given []string) error {
			cfg.Image = given[0]
			if err := readImageTest(&cfg, gpus, memory); err != nil {
				return err
			}
			cfg.Report = func(line string) { a.sayf("  %s", words(line)) }
			res, err := imagetest.Run(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if err := a.emit(res, func() { a.showImageTest(res) }); err != nil || res.OK {
				return err
			}
			a.sayf("infernet: the image does not keep the contract: %s", failedText(res))
			a.sayf("hint: node/docs/engines.md tells what an engine must do; an image without labels needs --adapter")
			return told{exitCheck}
		},
	}
	f := c.Flags()
	f.StringVar(&cfg.Adapter, "adapter", "", "how an image without labels is run: "+strings.Join(engine.Adapters(), ", "))
	f.StringVar(&cfg.Model, "model", "", "model file or folder (default: the demonstration model)")
	f.StringVar(&gpus, "gpus", "", "GPUs for the engine, as docker has it: all, 2, device=0,1")
	f.IntVar(&cfg.Parallel, "parallel", cfg.Parallel, "requests that it is told to answer at once")
	f.IntVar(&cfg.Context, "context", 0, "tokens of prompt and answer of one request (0: the engine's choice)")
	f.StringVar(&memory, "memory", "", "memory of the sandbox, e.g. 24GiB (default: twice the model and 512MiB)")
	f.DurationVar(&cfg.Start, "start-timeout", cfg.Start, "how long it may take to become healthy")
	f.DurationVar(&cfg.Each, "timeout", cfg.Each, "how long one check may take")
	return c
}

// readImageTest turns flags into the configuration, and checks it.
func readImageTest(cfg *imagetest.Config, gpus, memory string) (err error) {
	if cfg.GPUs, err = gpu.ParseRequest(gpus); err != nil {
		return usagef("--gpus: %v", err)
	}
	if memory != "" {
		n, err := parseSize(memory)
		if err != nil || n == 0 || n > math.MaxInt64/4 {
			return usagef("--memory: %.40q is no size of memory; write it with its unit, as 24GiB", memory)
		}
		cfg.Memory = uint64(n)
	}
	if err := cfg.Validate(); errors.Is(err, imagetest.ErrConfig) {
		return usagef("%v", err)
	} else if err != nil {
		return err
	}
	return nil
}

func (a *app) showImageTest(r imagetest.Result) {
	rows := make([][]string, 0, len(r.Checks))
	for _, c := range r.Checks {
		rows = append(rows, []string{c.Name, string(c.Level), yesNo(c.OK), fmt.Sprint(c.Millis), words(c.Detail)})
	}
	a.table("CHECK LEVEL OK MS DETAIL", rows)
	if r.Left {
		a.printf("\nthe checks that come after were not made")
		return
	}
	can := "nothing beyond chats and completions"
	if len(r.Can) > 0 {
		can = strings.Join(r.Can, ", ")
	}
	if r.OK {
		a.printf("\nit keeps the contract")
	}
	if n := r.Failed(enginetest.Should); n > 0 {
		a.printf("%d of the things that should be there are not", n)
	}
	a.printf("it can: %s", can)
}

// failedText names what failed that must not.
func failedText(r imagetest.Result) string {
	var names []string
	for _, c := range r.Checks {
		if c.Level == enginetest.Must && !c.OK {
			names = append(names, c.Name)
		}
	}
	const most = 4
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
