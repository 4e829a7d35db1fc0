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
	"strings"
	"syscall"

	"infernet.tech/infernet/exec/engine/chat"
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

	serve    string // address; empty in batch mode
	name     string // of the model, as requests call it
	parallel int    // requests side by side
	ids      bool   // batch: write the numbers of tokens
}

// errUsage marks flags or input that are wrong, as against a run that failed.
var errUsage = errors.New("invalid input")

func main() {
	if err := becomeFast(); err != nil {
		fmt.Fprintln(os.Stderr, "infernet-llm: slower than it could be:", err)
	}
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
	if c.serve != "" {
		return serve(ctx, c, log)
	}
	return batch(ctx, c, stdout, log)
}

func parse(args []string, stderr io.Writer) (config, error) {
	var c config
	threads, err := number("INFERNET_THREADS", 1)
	if err != nil {
		return c, err
	}
	f := flag.NewFlagSet("infernet-llm", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&c.in, "in", "/in", "JSONL `file`, or folder of *.jsonl files")
	f.StringVar(&c.model, "model", "/model", "GGUF `file`, or folder that holds one")
	f.StringVar(&c.out, "out", "/out", "`folder` that receives output.jsonl")
	f.IntVar(&c.maxTokens, "max-tokens", 512, "most tokens of an answer, where its line does not say")
	f.IntVar(&c.threads, "threads", threads, "threads to compute with (env INFERNET_THREADS)")
	f.IntVar(&c.context, "context", 4096, "context length in tokens; the model's own where that is less")
	f.StringVar(&c.template, "template", "", "chat layout, where the model's is not recognised: "+strings.Join(chat.Names(), ", "))
	f.BoolVar(&c.stream, "stream", false, "print answers to stdout as they are made")
	f.BoolVar(&c.ids, "token-ids", false, "write the numbers of answers' tokens too: others can then replay them")
	f.BoolVar(&c.verbose, "verbose", false, "print what llama.cpp says")
	f.StringVar(&c.serve, "serve", "", "serve HTTP at an `address` like unix:/run/engine/http.sock; without arguments: at the socket INFERNET_SOCKET, if set")
	f.StringVar(&c.name, "name", os.Getenv("INFERNET_MODEL_NAME"), "serve: the model's `name`, and others after commas (env INFERNET_MODEL_NAME)")
	f.IntVar(&c.parallel, "parallel", 0, "serve: requests side by side (env INFERNET_PARALLEL; 4)")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return c, err
	case err != nil:
		return c, fmt.Errorf("%w: %w", errUsage, err)
	case f.NArg() > 0:
		return c, fmt.Errorf("%w: argument %q is not expected", errUsage, f.Arg(0))
	}
	if socket := os.Getenv("INFERNET_SOCKET"); socket != "" && len(args) == 0 {
		c.serve = unixAddress + socket
	}
	if c.serve != "" {
		given := map[string]bool{}
		f.Visit(func(f *flag.Flag) { given[f.Name] = true })
		if err := c.fromEnv(given); err != nil {
			return c, err
		}
	}
	return c, c.check()
}

// fromEnv sets what the environment says of serving and no flag does.
func (c *config) fromEnv(given map[string]bool) error {
	if model := os.Getenv("INFERNET_MODEL"); model != "" && !given["model"] {
		c.model = model
	}
	var err error
	if !given["context"] {
		if c.context, err = number("INFERNET_CONTEXT", c.context); err != nil {
			return err
		}
	}
	if !given["parallel"] {
		c.parallel, err = number("INFERNET_PARALLEL", 4)
	}
	return err
}

// number is the number in an environment variable, or fallback without one.
func number(name string, fallback int) (int, error) {
	v := os.Getenv(name)
	if v == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return 0, fmt.Errorf("%w: %s is %q, not a number", errUsage, name, v)
	}
	return n, nil
}

func (c config) check() error {
	switch {
	case c.threads < 1 || c.threads > 256:
		return fmt.Errorf("%w: --threads %d is not from 1 to 256", errUsage, c.threads)
	case c.maxTokens < 1:
		return fmt.Errorf("%w: --max-tokens %d is less than 1", errUsage, c.maxTokens)
	case c.context < 2 || c.context > 1<<24:
		return fmt.Errorf("%w: --context %d is not from 2 to %d", errUsage, c.context, 1<<24)
	case c.serve != "" && (c.parallel < 1 || c.parallel > 64):
		return fmt.Errorf("%w: --parallel %d is not from 1 to 64", errUsage, c.parallel)
	}
	return nil
}
