package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/compare"
	"infernet.tech/infernet/node/job"
)

// calibration is what verifier calibrate is asked for.
type calibration struct {
	target compare.Target
	alarms string
	out    string
	from   []string
}

func verifierCalibrateCmd(a *app) *cobra.Command {
	q := calibration{target: compare.Target{Comparator: job.CompareNumeric, Confidence: 0.95}, alarms: "1%"}
	c := &cobra.Command{
		Use: "calibrate SAMPLES…", Short: "measure how much honest results differ, and sign the thresholds",
		Long: `Find the thresholds that honest results of one model on one class of hardware keep to, and
sign them as a profile that jobs name. Half of the samples choose the thresholds, the other
half measures how often an honest result would be called wrong; with too few for the rate
that --false-alarms allows, or results that differ too much, nothing is signed.

SAMPLES are folders. Each folder in one of them is one input, and holds what honest machines
made of it: a file or a folder for each machine. Take machines of all kinds that the class
has, and inputs as those to come. With --compare text they are files of replays instead, as
infernet verifier collect makes them: a line is an answer,
{"temperature":0.7,"seeded":false,"tokens":[…]}, with the tokens as POST /infernet/replay of
another honest engine tells them.`,
		Example: "  infernet verifier calibrate --compare numeric --model demo --class gpu.h100 samples/\n" +
			"  infernet verifier calibrate --compare text --false-alarms 0.1% replays.jsonl --out profile.json",
		Args: args(1, -1, "one SAMPLES or more"),
		RunE: func(cmd *cobra.Command, given []string) error {
			q.from = given
			return a.calibrate(cmd, q)
		},
	}
	f := c.Flags()
	f.StringVar(&q.target.Comparator, "compare", q.target.Comparator, "exact, numeric, embedding, image or text")
	f.StringVarP(&q.target.Model, "model", "m", "", "model that made the results: a name or a CID (default: any)")
	f.StringVar(&q.target.Image, "image", "", "digest of the image that made them, sha256:… (default: any)")
	f.StringVar(&q.target.Class, "class", "", "hardware class of the machines, as provider list tells it (default: any)")
	f.StringVar(&q.alarms, "false-alarms", q.alarms, "most honest results that may be called wrong, as 1% or 0.01")
	f.Float64Var(&q.target.Confidence, "confidence", q.target.Confidence, "with which that is to be shown, 0.5 to 1")
	f.StringVar(&q.out, "out", "", "write the profile to this file, which must not exist, and hand it to no node")
	return c
}

// calibrate measures, signs, and keeps the profile. What can be refused is
// refused before anything is measured.
func (a *app) calibrate(cmd *cobra.Command, q calibration) error {
	out, err := a.destination(q.out)
	if err != nil {
		return err
	}
	if q.target.FPRppm, err = parseRate("--false-alarms", q.alarms); err != nil {
		return err
	}
	if c := q.target.Confidence; !(c >= 0.5 && c < 1) {
		return failf(exitUsage, "the more, the more samples it takes", "--confidence: %v is not from 0.5 to below 1", c)
	}
	key, err := a.openKey(a.keyPath(), "node key")
	if errors.Is(err, os.ErrNotExist) {
		return failf(exitNotFound, "infernet init makes one", "there is no key in %s to sign with", a.home)
	}
	if err != nil {
		return err
	}
	if q.target.Model, err = a.modelCID(cmd.Context(), q.target.Model); err != nil {
		return err
	}
	samples, err := a.samples(cmd.Context(), q)
	if err != nil {
		return err
	}
	p, err := compare.Calibrate(q.target, samples)
	if err != nil {
		return err
	}
	signed, err := compare.Sign(key, p, time.Now())
	if err != nil {
		return err
	}
	if out == "" {
		return a.addProfile(cmd, signed.Bytes())
	}
	if err := writeNew(out, signed.Bytes()); err != nil {
		return err
	}
	shown := profileOf(signed)
	return a.emit(shown, func() {
		a.showProfile(shown)
		a.printf("written  %s", pathText(out))
		a.sayf("infernet verifier add FILE keeps it in a node, for jobs that name it")
	})
}

// profileOf is a profile as the node's API tells it.
func profileOf(s compare.Signed) api.Profile {
	return api.Profile{
		CID: s.CID, Author: s.Author().String(), At: time.Unix(s.Event.CreatedAt, 0).UTC(), Model: s.Model, Image: s.Image, Class: s.Class,
		Comparator: s.Comparator, Samples: int(s.N), FalseRate: float64(s.FPRppm) / 1e6, Thresholds: maps.Clone(s.Thresholds), Event: s.Bytes(),
	}
}

// modelCID is the CID that a name stands for in this node.
func (a *app) modelCID(ctx context.Context, ref string) (string, error) {
	if ref == "" || isCID(ref) {
		return ref, nil
	}
	name, err := reference(ref)
	if err != nil {
		return "", err
	}
	c, err := a.client(ctx)
	if err != nil {
		return "", err
	}
	m, err := c.Show(ctx, name, false)
	return m.CID, err
}

// samples measures all that the paths hold, in the order of their names: the
// same folders give the same thresholds.
func (a *app) samples(ctx context.Context, q calibration) ([]compare.Sample, error) {
	// A name that is none is told before any file is opened.
	comparators := []string{job.CompareExact, job.CompareNumeric, job.CompareEmbedding, job.CompareImage, job.CompareText}
	if !slices.Contains(comparators, q.target.Comparator) {
		return nil, failf(exitUsage, "", "--compare: no comparator %.40q, there are %s", q.target.Comparator, strings.Join(comparators, ", "))
	}
	var all []compare.Sample
	for _, path := range q.from {
		read := a.pairSamples
		if q.target.Comparator == job.CompareText {
			read = a.replaySamples
		}
		found, err := read(ctx, q.target.Comparator, path)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, failf(exitNotFound, "infernet help verifier calibrate tells how samples are laid out", "%s holds no samples", path)
		}
		all = append(all, found...)
	}
	a.sayf("%d samples measured", len(all))
	return all, nil
}
