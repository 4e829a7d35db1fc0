package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/reputation"
)

// maxReceipts bounds a file of receipts.
const maxReceipts = 64 << 20

// checkedReceipt is one line of receipt verify.
type checkedReceipt struct {
	Valid    bool       `json:"valid"`
	Reason   string     `json:"reason,omitempty"` // why it is not valid
	ID       string     `json:"id,omitempty"`
	Job      string     `json:"job,omitempty"`
	Shard    uint32     `json:"shard"`
	Attempt  uint32     `json:"attempt"`
	Payer    string     `json:"payer,omitempty"`
	Judge    string     `json:"judge,omitempty"` // the aggregator that signed it
	Provider string     `json:"provider,omitempty"`
	Amount   api.Amount `json:"amount"`
	Verdict  string     `json:"verdict,omitempty"`
	Label    string     `json:"label,omitempty"`
	Signed   string     `json:"signed,omitempty"` // both | judge
}

func receiptCmd(a *app) *cobra.Command {
	return group("receipt", "signed receipts of work", &cobra.Command{
		Use: "verify FILE", Short: "check the signatures of receipts, offline",
		Long: `Check that receipts are whole, and signed by the parties they name. FILE holds one
receipt, or what job receipts --json prints; "-" is stdin. Needs no node: the keys
are in the receipts, compare them with those you expect.`,
		Example: "  infernet job receipts ID --json | infernet receipt verify -",
		Args:    args(1, 1, "one FILE"),
		RunE: func(_ *cobra.Command, given []string) error {
			raw, err := a.readReceipts(given[0])
			if err != nil {
				return err
			}
			docs, err := splitReceipts(raw)
			if err != nil {
				return failf(exitCheck, "give it one receipt, or the output of infernet job receipts (or lease receipts) --json", "%s: not receipts: %s", given[0], words(err.Error()))
			}
			return a.showChecked(docs)
		},
	})
}

func (a *app) readReceipts(path string) ([]byte, error) {
	src := a.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read receipts: %w", err)
		}
		defer func() { _ = f.Close() }()
		src = f
	}
	raw, err := io.ReadAll(io.LimitReader(src, maxReceipts+1))
	if err == nil && len(raw) > maxReceipts {
		err = fmt.Errorf("more than %d bytes", maxReceipts)
	}
	return raw, err
}

// splitReceipts finds the documents in a file: one, a list of them, or a list
// of the entries that job receipts prints.
func splitReceipts(raw []byte) ([]json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	if raw[0] != '[' {
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

func (a *app) showChecked(docs []json.RawMessage) error {
	out := make([]checkedReceipt, 0, len(docs))
	bad := 0
	for _, d := range docs {
		c := checkReceipt(d)
		if !c.Valid {
			bad++
		}
		out = append(out, c)
	}
	err := a.emit(map[string]any{"valid": bad == 0, "receipts": out}, func() {
		for _, c := range out {
			if !c.Valid {
				a.printf("NOT VALID: %s", words(c.Reason))
				continue
			}
			a.printf("valid: %s shard %d/%d, provider %s, payer %s, %s, verdict %s (%s), signed by %s", shortID(c.Job), c.Shard,
				c.Attempt, short(c.Provider), short(c.Payer), amountText(c.Amount), foreign(c.Verdict), foreign(c.Label), c.Signed)
		}
	})
	if err == nil && bad > 0 {
		a.sayf("infernet: %d of %d receipts are not valid", bad, len(docs))
		return told{exitCheck}
	}
	return err
}

// checkReceipt judges one document, as reputation.VerifyReceipt does: the
// signatures, the parties, and what the fields say of each other.
func checkReceipt(raw []byte) checkedReceipt {
	compact := &bytes.Buffer{}
	if err := json.Compact(compact, raw); err != nil {
		return checkedReceipt{Reason: err.Error()}
	}
	v, err := reputation.VerifyReceipt(bareReceipt(compact.Bytes()))
	if err != nil {
		return checkedReceipt{Reason: err.Error()}
	}
	r := v.Receipt
	c := checkedReceipt{
		Valid: true, ID: v.ID.String(), Job: r.Job.String(), Shard: r.Shard, Attempt: r.Attempt,
		Payer: r.Payer.String(), Judge: v.Author.String(), Provider: r.Provider.String(),
		Amount: api.Amount{Amount: r.Amount, Unit: r.Unit}, Verdict: r.Verdict, Label: r.Label, Signed: "judge",
	}
	if v.Countersigned {
		c.Signed = "both"
	}
	return c
}

// bareReceipt takes the wrapping off a receipt that nobody has countersigned.
func bareReceipt(raw []byte) []byte {
	var parts struct {
		Doc json.RawMessage `json:"doc"`
		By  json.RawMessage `json:"countersignature"`
	}
	if json.Unmarshal(raw, &parts) == nil && parts.Doc != nil && (parts.By == nil || string(parts.By) == "null") {
		return parts.Doc
	}
	return raw
}
