package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newRoot builds the tree of verbs.
func newRoot(a *app) *cobra.Command {
	root := group("infernet", "a peer-to-peer market for inference and batch compute")
	root.Long = `Infernet is a peer-to-peer market for inference and batch compute, without servers.
Every participant runs this program.`
	root.Example = `  infernet demo                                  see the whole of it on this machine
  infernet run demo "What is the capital of France?"
  infernet chat                                  talk with a model that somebody serves
  infernet job run job.yaml                      run a job on other people's machines
  infernet node --role provider                  let others run jobs on this one`
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// "-5 sat" is read as flags.
		if rest, ok := strings.CutPrefix(err.Error(), "unknown shorthand flag: '"); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			return failf(exitUsage, "infernet help "+verbPath(cmd), "an amount or a number is not negative")
		}
		return failf(exitUsage, "infernet help "+verbPath(cmd), "%s", flagText(err))
	})
	f := root.PersistentFlags()
	f.BoolVar(&a.json, "json", false, "print exactly one JSON document on stdout")
	f.StringVar(&a.home, "home", "", "the node's folder (default $INFERNET_HOME, else ~/.infernet)")
	f.BoolVar(&a.noStart, "no-start", false, "do not start a node in the background")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.resolveHome() }

	root.AddCommand(
		initCmd(a), operatorCmd(a), doctorCmd(a), versionCmd(a),
		nodeCmd(a), statusCmd(a), stopCmd(a),
		devnetCmd(a), demoCmd(a), benchCmd(a), simCmd(a),
		chatCmd(a), runCmd(a), jobCmd(a),
		dataCmd(a), modelCmd(a), imageCmd(a), gpuCmd(a), leaseCmd(a),
		providerCmd(a), peerCmd(a), receiptCmd(a), verifierCmd(a),
		walletCmd(a), walletBalanceCmd(a), paymentsCmd(a), reputationCmd(a),
		apiCmd(a),
		exitCodesTopic(), verificationTopic(),
	)
	return root
}

// flagText is what is wrong with a flag, without the words of Go's parsers.
func flagText(err error) string {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return err.Error()
	}
	want := ""
	switch kind := bad.GetFlag().Value.Type(); {
	case kind == "duration":
		want = "time, as 90s, 5m or 2h"
	case strings.HasPrefix(kind, "uint"):
		want = "whole number from 0"
	case strings.HasPrefix(kind, "int"):
		want = "whole number"
	case strings.HasPrefix(kind, "float"):
		want = "number"
	default:
		return err.Error()
	}
	return fmt.Sprintf("--%s: %.80q is no %s", bad.GetFlag().Name, bad.GetValue(), want)
}

// group is a verb that only holds others.
func group(use, short string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			hint := strings.TrimSpace("infernet help " + verbPath(cmd))
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = "did you mean " + cmd.CommandPath() + " " + near[0] + "?"
			}
			return failf(exitUsage, hint, "unknown verb %.40q", args[0])
		},
	}
	c.SuggestionsMinimumDistance = 2
	c.AddCommand(verbs...)
	return c
}

// args bounds the number of arguments and names them when it is wrong.
func args(least, most int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		n := len(given)
		if n >= least && (most < 0 || n <= most) {
			return nil
		}
		want := names
		if want == "" {
			want = "no arguments"
		}
		return failf(exitUsage, "infernet help "+verbPath(cmd), "%s takes %s, %d given", cmd.CommandPath(), want, n)
	}
}

// verbPath is the verb without the program's name.
func verbPath(cmd *cobra.Command) string {
	_, rest, _ := strings.Cut(cmd.CommandPath(), " ")
	return rest
}

func exitCodesTopic() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "what the exit codes mean", Long: exitCodesText()}
}
