package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/job"
)

func jobCmd(a *app) *cobra.Command {
	return group("job", "jobs: shards of work on other people's machines",
		jobRunCmd(a), jobSubmitCmd(a), jobListCmd(a), jobGetCmd(a), jobWaitCmd(a), jobLogsCmd(a),
		jobExplainCmd(a), jobCancelCmd(a), jobResultsCmd(a), jobReceiptsCmd(a), jobEvidenceCmd(a), jobEstimateCmd(a), jobValidateCmd(a))
}

// maxSpec bounds a job description.
const maxSpec = 512 << 10

// readSpec reads and checks a job description; "-" is stdin. All faults come at
// once, before anything is sent.
func (a *app) readSpec(path string) (api.SubmitRequest, error) {
	raw, dir, err := a.readSpecFile(path)
	if err != nil {
		return api.SubmitRequest{}, err
	}
	spec, err := job.ParseSpec(raw, specName(path))
	missing := spec.CheckFiles(specName(path), statFrom(dir))
	var bad *job.SpecError
	switch {
	case errors.As(err, &bad):
		return api.SubmitRequest{}, bad.And(missing)
	case err != nil:
		return api.SubmitRequest{}, err
	case missing != nil:
		return api.SubmitRequest{}, missing
	}
	return api.SubmitRequest{Spec: string(raw), Dir: dir}, nil
}

// readSpecFile returns the text and the folder its relative paths start from.
func (a *app) readSpecFile(path string) ([]byte, string, error) {
	src, dir := a.in, "."
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, "", fmt.Errorf("read job description: %w", err)
		}
		defer func() { _ = f.Close() }()
		src, dir = f, filepath.Dir(path)
	}
	raw, err := io.ReadAll(io.LimitReader(src, maxSpec+1))
	if err != nil {
		return nil, "", fmt.Errorf("read job description: %w", err)
	}
	if len(raw) > maxSpec {
		return nil, "", failf(exitSpec, "large inputs belong in files", "job description of more than %d bytes", maxSpec)
	}
	dir, err = absolute(dir)
	return raw, dir, err
}

// statFrom looks at files as the node will: relative paths start from dir.
func statFrom(dir string) func(string) (fs.FileInfo, error) {
	return func(path string) (fs.FileInfo, error) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		return os.Stat(path)
	}
}

func specName(path string) string {
	if path == "-" {
		return "stdin"
	}
	return path
}

// showJob prints a job for people.
func (a *app) showJob(j api.Job) {
	a.printf("job      %s", j.ID)
	a.printf("name     %s", foreign(j.Name))
	a.printf("state    %s", stateText(j))
	a.printf("shards   %d of %d done, %d retried, %d found wrong, %d checked", j.Shards.OK, j.Shards.Total, j.Shards.Retried, j.Shards.Mismatched, j.Shards.Audited)
	a.printf("cost     %s", human(j.Cost))
	if j.Label != "" {
		a.printf("checked  %s", foreign(j.Label))
	}
	for _, p := range j.Providers {
		a.printf("provider %s: %d shards, paid %s, verdicts %s", short(p.NPub), p.Shards, inUnit(p.Paid, j.Cost.Unit), verdictsText(p.Verdicts))
	}
	for _, c := range j.Cheaters {
		a.printf("caught   %s, paid %s for wrong work", short(c.NPub), inUnit(c.PaidForWrong, j.Cost.Unit))
		for _, e := range c.Evidence {
			what, documents, _ := strings.Cut(e, "; its commit and reveal:")
			if documents != "" {
				what += "; infernet job evidence tells more"
			}
			a.printf("         %s", words(what))
		}
	}
	if j.Result.CID != "" {
		a.printf("result   %s", j.Result.CID)
		a.printf("         %s", j.Result.Path)
	}
}

func stateText(j api.Job) string {
	s := j.State
	if j.Reason != "" {
		s += ": " + words(j.Reason)
	}
	if j.Hint != "" {
		s += " (" + words(j.Hint) + ")"
	}
	return s
}

func verdictsText(v map[string]int) string {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	sort.Strings(names)
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", foreign(name), v[name])
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
