package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"infernet.tech/infernet/exec"
	"infernet.tech/infernet/exec/engine"
	"infernet.tech/infernet/exec/engine/openai"
	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/devnet"
)

// Config says how large a demo is.
type Config struct {
	Dir       string    // holds the demos of this user; "" is DefaultDir
	Bin       string    // the infernet program; "" is this one
	Providers int       // honest ones
	Cheaters  int       // providers that cheat
	Prompts   int       // of the batch
	ShardSize int       // prompts a shard
	Out       io.Writer // told what happens, for people; may be nil
}

// Default is the demo that "make demo" shows.
func Default() Config {
	return Config{Providers: 3, Cheaters: 1, Prompts: 200, ShardSize: 25}
}

const (
	chatPrompt  = "What is the capital of France?"
	chatAnswer  = "The capital of France is Paris."
	storyPrompt = "Tell me a little story about a dog."
	storyTokens = 96
	// removalTime is how long the removal may take after an interruption.
	removalTime = 3 * time.Minute
	// maxBatches bounds how often the batch is run until each cheater had a part
	// in it: others may be quicker, and then its work is not waited for.
	maxBatches = 10
)

// Run shows the demo and removes everything of it, whatever happens. The
// summary is whole only when the error is nil or ErrFailed. Other errors:
// exec.ErrUnsupported, exec.ErrNoRights, engine.ErrNotBuilt, ErrBusy, those of
// package devnet, and the API's.
func Run(ctx context.Context, cfg Config) (Summary, map[string]string, error) {
	if err := ready(); err != nil {
		return Summary{}, nil, err
	}
	if cfg.Dir == "" {
		cfg.Dir = DefaultDir()
	}
	s := &show{cfg: cfg, say: newTeller(cfg.Out), began: time.Now(), names: map[string]string{}}
	s.sum.TimingsMS = map[string]int64{}
	dir, release, err := takeSlot(ctx, cfg.Dir)
	if err != nil {
		return s.sum, nil, err
	}
	defer release()
	err = s.run(ctx, dir)
	s.say.line("removing the network")
	since := time.Now()
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), removalTime)
	defer cancel()
	err = errors.Join(err, s.close(late), remove(late, dir))
	s.took("removal", since)
	s.took("total", s.began)
	if err != nil {
		return s.sum, s.names, err
	}
	s.sum.judge()
	if !s.sum.OK {
		return s.sum, s.names, ErrFailed
	}
	return s.sum, s.names, nil
}

// ready tells at once what could not work later.
func ready() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("demo: %w: containers need Linux", exec.ErrUnsupported)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("demo: %w: run it as root or with sudo", exec.ErrNoRights)
	}
	_, err := engine.Binary()
	return err
}

// show is one demo on its way.
type show struct {
	cfg   Config
	say   *teller
	began time.Time
	net   *devnet.Network
	names map[string]string // by npub
	sum   Summary
}

func (s *show) took(what string, since time.Time) {
	s.sum.TimingsMS[what] = time.Since(since).Milliseconds()
}

func (s *show) close(ctx context.Context) error {
	if s.net == nil {
		return nil
	}
	return s.net.Close(ctx)
}

func (s *show) run(ctx context.Context, dir string) error {
	since := time.Now()
	var err error
	s.net, err = devnet.Up(ctx, devnet.Config{
		Dir: dir, Bin: s.cfg.Bin, Providers: s.cfg.Providers, Cheaters: s.cfg.Cheaters, Report: s.say.line,
		Serve: []string{engine.DemoModelName},
	})
	if err != nil {
		return err
	}
	var cheaters []string
	for _, n := range s.net.Nodes {
		s.names[n.NPub] = n.Name
		if len(n.Name) > 7 && n.Name[:7] == "cheater" {
			cheaters = append(cheaters, n.NPub)
		}
	}
	node, _ := s.net.Node("client")
	client, err := node.Client()
	if err != nil {
		return err
	}
	if err := s.find(ctx); err != nil {
		return err
	}
	s.took("network", since)
	if err := s.warm(ctx, client); err != nil {
		return fmt.Errorf("the story: %w", err)
	}
	chat, err := s.chat(ctx, client)
	if err != nil {
		return fmt.Errorf("the prompt: %w", err)
	}
	jobs, err := s.batches(ctx, client, dir, cheaters, chat)
	if err != nil {
		return fmt.Errorf("the batch: %w", err)
	}
	balances, err := client.Balances(ctx)
	if err != nil {
		return err
	}
	paid := map[string]uint64{}
	for _, b := range balances {
		paid[b.Peer] += b.Paid
	}
	s.sum.collect(cheaters, paid, jobs...)
	return nil
}

// batches runs the batch until every cheater is caught, and returns its jobs
// after those that were before. A cheater that is not caught had no part in what
// was believed: judge sees that no answer is wrong.
func (s *show) batches(ctx context.Context, client *api.Client, dir string, cheaters []string, jobs ...api.Job) ([]api.Job, error) {
	for n := 1; ; n++ {
		if err := s.batch(ctx, client, dir); err != nil {
			return nil, err
		}
		jobs = append(jobs, s.sum.Job)
		free := uncaught(cheaters, jobs)
		if len(free) == 0 || n == maxBatches || s.sum.Job.State != api.JobDone {
			return jobs, nil
		}
		s.say.line(s.names[free[0]] + " was too slow to have a part in it: once more")
	}
}

// find waits until the client sees all providers.
func (s *show) find(ctx context.Context) error {
	want := s.cfg.Providers + s.cfg.Cheaters
	if err := s.net.AwaitProviders(ctx, want); err != nil {
		return err
	}
	s.say.line(fmt.Sprintf("the client found %d providers", want))
	return nil
}

// warm has a story told by a model that a provider keeps ready, through the
// same endpoint that OpenAI clients use, and shows the words as they come.
func (s *show) warm(ctx context.Context, client *api.Client) error {
	s.say.line("a warm engine on a provider's machine, paid by the token: " + storyPrompt)
	none := 0.0
	r, err := client.Chat(ctx, api.Chat{
		Model: engine.DemoModelName, Temperature: &none, MaxTokens: storyTokens,
		Messages: []openai.Message{{Role: "user", Content: openai.Text(storyPrompt)}},
	}, func(words string) { s.say.words([]byte(words)) })
	s.say.endWords()
	if err != nil {
		return err
	}
	s.sum.TimingsMS["story_first_words"], s.sum.TimingsMS["story"] = r.FirstMS, r.TotalMS
	s.sum.Story = Story{
		Prompt: storyPrompt, Answer: r.Answer, Provider: r.Provider, Cost: r.Cost,
		PromptTokens: r.Usage.PromptTokens, CompletionTokens: r.Usage.CompletionTokens,
	}
	if r.Answer == "" || r.Usage.CompletionTokens == 0 {
		s.sum.problem("the story is %.80q, of %d tokens", r.Answer, r.Usage.CompletionTokens)
	}
	return nil
}

// chat asks one prompt and shows the words as they come. Two providers answer:
// one of the four cheats, and a single one would have to be believed.
func (s *show) chat(ctx context.Context, client *api.Client) (api.Job, error) {
	s.say.line("asking a provider: " + chatPrompt)
	since := time.Now()
	said := ""
	say := func(words []byte) {
		if said == "" {
			s.took("chat_first_words", since)
		}
		said += string(words)
		s.say.words(words)
	}
	answer, err := client.Ask(ctx, api.Prompt{Model: engine.DemoModelName, Text: chatPrompt, Replicas: 2}, say)
	// The job may be over before its last words are here.
	if rest, ok := strings.CutPrefix(answer.Answer, said); ok && rest != "" {
		say([]byte(rest))
	}
	s.say.endWords()
	s.took("chat", since)
	if err != nil {
		return answer.Job, err
	}
	s.sum.Chat = Chat{Prompt: chatPrompt, Answer: answer.Answer, Provider: answer.Provider}
	if answer.Answer != chatAnswer {
		s.sum.problem("the prompt was answered %.80q", answer.Answer)
	}
	return answer.Job, nil
}

// batch runs the prompts with known answers and counts.
func (s *show) batch(ctx context.Context, client *api.Client, dir string) error {
	qs := questions(s.cfg.Prompts)
	if err := writeQuestions(filepath.Join(dir, "prompts.jsonl"), qs); err != nil {
		return err
	}
	s.say.job(fmt.Sprintf("running %d prompts in shards of %d, each by two providers", len(qs), s.cfg.ShardSize))
	since := time.Now()
	j, err := client.Submit(ctx, api.SubmitRequest{Spec: jobSpec(s.cfg.ShardSize), Dir: dir})
	if err != nil {
		return err
	}
	j, err = client.Wait(ctx, j.ID, api.EventQuery{}, func(ev api.Event) error {
		s.say.event(ev, s.names)
		return nil
	})
	if err != nil {
		return err
	}
	s.took("job", since)
	s.sum.Job, s.sum.Answers.Total = j, len(qs)
	if j.State != api.JobDone {
		return nil // judge tells it, with the reason
	}
	right, faults, err := check(j.Result.Path, qs)
	if err != nil {
		return err
	}
	s.sum.Answers.Right = right
	s.sum.Problems = append(s.sum.Problems, faults...)
	return nil
}

// jobSpec is the batch as a person would write it.
func jobSpec(size int) string {
	return fmt.Sprintf(`name: demo
kind: batch
task: {image: %s}
model: %s
inputs: [{path: prompts.jsonl}]
split: {by: lines, size: %d}
merge: {by: concat}
resources: {cpu: 1, memory: 256MiB}
verify: {mode: quorum, replicas: 2, agree: 2, compare: exact}
payment: {rail: credit, max: 5000}
timeouts: {shard: 60s, job: 10m}
`, engine.ImageName, engine.DemoModelName, size)
}
