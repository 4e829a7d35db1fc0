package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/reputation"
)

// maxReceipts bounds a file of receipts, and all files of one call together.
const maxReceipts = 64 << 20

func receiptCmd(a *app) *cobra.Command {
	var verbose bool
	c := &cobra.Command{
		Use: "verify FILE…", Short: "check receipts, and that results were checked as promised, offline",
		Long: `Check that receipts are whole, and signed by the parties they name. Where the documents of
the attempt are with them, as job receipts gives them: that the result is the one that was
committed to, from the secret that was disclosed at the end that the lottery drew what it is
said to have drawn, no less often than the offer promised, and from the payer's note of debt
and the provider's signature under it that both hold the amount for owed. Over all files: that no
author signed two receipts in one place of a chain, and that no payment is named twice.
FILE holds one receipt, or what job receipts --json prints; "-" is stdin. Needs no node: the
keys are in the receipts, compare them with those you expect. What the documents do not
prove is told as uncertain.`,
		Example: "  infernet job receipts ID --json | infernet receipt verify -\n  infernet receipt verify receipts/*.json --verbose",
		Args:    args(1, -1, "one FILE or more"),
		RunE: func(_ *cobra.Command, given []string) error {
			var all []checkedReceipt
			left := int64(maxReceipts)
			for _, path := range given {
				docs, err := a.receiptsOf(path, &left)
				if err != nil {
					return err
				}
				for i, d := range docs {
					c := checkReceipt(d)
					c.File = path
					if len(docs) > 1 {
						c.Entry = i + 1
					}
					all = append(all, c)
				}
			}
			return a.showChecked(all, verbose)
		},
	}
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "tell of each receipt what is certain and what is not")
	return group("receipt", "signed receipts of work", c)
}

// receiptsOf are the documents in a file; left is how many bytes may still be
// read.
func (a *app) receiptsOf(path string, left *int64) ([]json.RawMessage, error) {
	src := a.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read receipts: %w", err)
		}
		defer func() { _ = f.Close() }()
		if st, err := f.Stat(); err == nil && st.IsDir() {
			return nil, failf(exitUsage, "infernet receipt verify "+filepath.Join(path, "*.json"), "%s is a folder", path)
		}
		src = f
	}
	raw, err := io.ReadAll(io.LimitReader(src, *left+1))
	if err != nil {
		return nil, fmt.Errorf("read receipts: %w", err)
	}
	if *left -= int64(len(raw)); *left < 0 {
		return nil, failf(exitRefused, "give it fewer at a time", "receipts of more than %d bytes", maxReceipts)
	}
	docs, err := splitReceipts(raw)
	if err != nil {
		return nil, failf(exitCheck, "give it one receipt, or the output of infernet job receipts (or lease receipts) --json", "%s: not receipts: %s", path, words(notJSON(err).Error()))
	}
	return docs, nil
}

// notJSON says of what is no JSON just that: where a parser stumbled helps nobody
// who gave it the wrong file.
func notJSON(err error) error {
	var se *json.SyntaxError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the file is empty")
	case !errors.As(err, &se):
		return err
	case strings.HasPrefix(se.Error(), "unexpected end"):
		return errors.New("the file is cut short")
	}
	return errors.New("it is no JSON, or more than one document")
}

// splitReceipts finds the documents in a file: one, a list of them, or a list
// of the entries that job receipts prints.
func splitReceipts(raw []byte) ([]json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	if raw[0] != '[' {
		var one json.RawMessage
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, err
		}
		raw = append(append([]byte{'['}, raw...), ']')
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("the list is empty")
	}
	for i, one := range list {
		var entry struct {
			Doc    json.RawMessage `json:"doc"`
			Signed *string         `json:"signed"` // only entries of job receipts have it
		}
		if json.Unmarshal(one, &entry) == nil && entry.Signed != nil {
			list[i] = entry.Doc
		}
	}
	return list, nil
}

func (a *app) showChecked(all []checkedReceipt, verbose bool) error {
	r, err := judge(all)
	if err != nil {
		return err
	}
	err = a.emit(r, func() {
		for _, c := range r.Receipts {
			a.showReceipt(c, verbose || len(r.Receipts) == 1)
		}
		for _, c := range r.Chains {
			a.showChain(c)
		}
		for _, f := range r.Faults {
			a.printf("FAULT: %s", words(f))
		}
		for _, p := range r.Paid {
			a.printf("paid: %s in %d payments, by the receipts; %d of them are owed by both sides' notes; whether they were made good the rail tells",
				human(p.Amount), p.Payments, p.Noted)
		}
		if hidden := !verbose && len(r.Receipts) > 1; hidden {
			a.sayf("--verbose tells what is certain of each and what is not")
		}
	})
	if err == nil && !r.Valid {
		a.sayf("infernet: %d of %d receipts are not valid", r.Bad, len(r.Receipts))
		if len(r.Faults) > 0 {
			a.sayf("infernet: together they show %d faults", len(r.Faults))
		}
		return told{exitCheck}
	}
	return err
}

func (a *app) showReceipt(c checkedReceipt, verbose bool) {
	if c.Reason != "" {
		where := ""
		if c.File != "" {
			where = pathText(c.File) + ": "
		}
		if c.Entry > 0 {
			where += fmt.Sprintf("entry %d: ", c.Entry)
		}
		a.printf("NOT VALID: %s%s", where, words(strings.TrimPrefix(c.Reason, reputation.ErrReceipt.Error()+": ")))
		return
	}
	head := "valid"
	if !c.Valid {
		head = "BROKEN PROMISE"
	}
	blame := ""
	if c.Blame != "" {
		blame = ", fault of " + foreign(c.Blame)
	}
	a.printf("%s: %s shard %d/%d, provider %s, payer %s, %s, verdict %s (%s)%s, signed by %s", head, shortID(c.Job), c.Shard,
		c.Attempt, short(c.Provider), short(c.Payer), human(c.Amount), foreign(c.Verdict), foreign(c.Label), blame, c.Signed)
	if c.Lottery != nil {
		a.printf("  lottery: %s", c.Lottery.text())
	}
	for _, f := range c.Faults {
		a.printf("  FAULT: %s", words(f))
	}
	if !verbose {
		return
	}
	for _, s := range c.Certain {
		a.printf("  certain: %s", words(s))
	}
	for _, s := range c.Uncertain {
		a.printf("  uncertain: %s", words(s))
	}
}

func (a *app) showChain(c reputation.ChainReport) {
	span := fmt.Sprintf("receipts %d to %d", c.First, c.Last)
	if c.First == c.Last {
		span = fmt.Sprintf("receipt %d", c.First)
	}
	line := fmt.Sprintf("chain: %s of %s with %s", span, c.Author.Short(), c.Other.Short())
	if c.Gaps > 0 {
		line += fmt.Sprintf(", %d of them not among these", c.Gaps)
	}
	a.printf("%s", line)
}
