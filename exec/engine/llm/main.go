package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

// config is what the flags say.
type config struct {
	in, model, out string
	maxTokens      int
	threads        int
	context        int
	template       string
	stream         bool
	verbose        bool
}

// errUsage marks flags or input that are wrong, as against a run that failed.
var errUsage = errors.New("invalid input")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "infernet-llm:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "infernet-llm:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	level := slog.LevelError
	if c.verbose {
		level = slog.LevelInfo
	}
	// llama.cpp prints to stderr what the default logger's level lets through.
	slog.SetDefault(slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})))
	log := slog.New(slog.NewTextHandler(stderr, nil)).With("job", os.Getenv("INFERNET_JOB"), "shard", os.Getenv("INFERNET_SHARD"))
	return batch(ctx, c, stdout, log)
}

func parse(args []string, stderr io.Writer) (config, error) {
	var c config
	threads := 1
	if v := os.Getenv("INFERNET_THREADS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return c, fmt.Errorf("%w: INFERNET_THREADS is %q, not a number", errUsage, v)
		}
		threads = n
	}
	f := flag.NewFlagSet("infernet-llm", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&c.in, "in", "/in", "JSONL `file`, or folder of *.jsonl files")
	f.StringVar(&c.model, "model", "/model", "GGUF `file`, or folder that holds one")
	f.StringVar(&c.out, "out", "/out", "`folder` that receives output.jsonl")
	f.IntVar(&c.maxTokens, "max-tokens", 512, "most tokens of an answer, where its line does not say")
	f.IntVar(&c.threads, "threads", threads, "threads to compute with (env INFERNET_THREADS)")
	f.IntVar(&c.context, "context", 4096, "context length in tokens; the model's own where that is less")
	f.StringVar(&c.template, "template", "", "chat layout, where the model's is not recognised: "+templateNames())
	f.BoolVar(&c.stream, "stream", false, "print answers to stdout as they are made")
	f.BoolVar(&c.verbose, "verbose", false, "print what llama.cpp says")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return c, err
	case err != nil:
		return c, fmt.Errorf("%w: %w", errUsage, err)
	case f.NArg() > 0:
		return c, fmt.Errorf("%w: argument %q is not expected", errUsage, f.Arg(0))
	case c.threads < 1 || c.threads > 256:
		return c, fmt.Errorf("%w: --threads %d is not from 1 to 256", errUsage, c.threads)
	case c.maxTokens < 1:
		return c, fmt.Errorf("%w: --max-tokens %d is less than 1", errUsage, c.maxTokens)
	case c.context < 2 || c.context > 1<<24:
		return c, fmt.Errorf("%w: --context %d is not from 2 to %d", errUsage, c.context, 1<<24)
	}
	return c, nil
}
