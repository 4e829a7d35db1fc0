package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"infernet.tech/infernet/node/api"
	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/identity"
)

// reference reads what a person calls content: a name, a digest, or a CID as
// IPFS writes it. What is a CID with a slip in it is told here, before anybody
// is asked for something that cannot be.
func reference(ref string) (string, error) {
	bare, isPath := strings.CutPrefix(strings.TrimPrefix(ref, "ipfs://"), "/ipfs/")
	if bare != ref {
		var below string
		if bare, below, _ = strings.Cut(bare, "/"); below != "" {
			return "", failf(exitUsage, "get the folder by its CID and take the file out of it", "%s names a file inside a folder", foreign(ref))
		}
		isPath = true
	}
	switch {
	case bare == "":
		return "", usagef("an empty word is neither a name nor a CID")
	case len(bare) == 46 && strings.HasPrefix(bare, "Qm"):
		return "", failf(exitUsage, makeCID, "%s is a CID of version 0, which this network does not use", foreign(bare))
	case !isPath && !cidLike(bare):
		return ref, nil
	}
	if _, err := cid.Decode(bare); err != nil {
		return "", failf(exitUsage, "copy the whole of it: a CID has 59 letters and digits", "%s is no CID: %w", foreign(bare), err)
	}
	return bare, nil
}

// makeCID tells how IPFS makes the CIDs of this network.
const makeCID = "add the file anew where it is: infernet data add FILE, or ipfs add --cid-version 1 --raw-leaves --chunker size-1048576 --max-file-links 1024 FILE"

// cidLike tells what is meant as a CID, whether or not it is one.
func cidLike(s string) bool {
	return len(s) >= 40 && strings.HasPrefix(s, "baf") && !strings.ContainsAny(s, "./:_-")
}

// isCID tells content identifiers of version 1 in base32.
func isCID(s string) bool {
	if !cidLike(s) {
		return false
	}
	_, err := cid.Decode(s)
	return err == nil
}

// transferFlags are what all that fetches from other nodes takes.
type transferFlags struct {
	from     []string
	most     uint64
	maxPrice uint64
}

func (t *transferFlags) register(c *cobra.Command, when string) {
	f := c.Flags()
	f.StringArrayVar(&t.from, "from", nil, when+"npub of a node to ask, and nobody else (repeatable; default: whoever has it)")
	f.Var((*sizeFlag)(&t.most), "max-bytes", when+"refuse more than this, e.g. 20GiB (default: the node's limit)")
	f.Var(creditsFlag{&t.maxPrice}, "max-price", when+"most credits to pay per GiB, 0 for what is free (default: the node's max-content-price)")
}

// given tells the first of these flags that is set; "" when none is.
func (t *transferFlags) given(c *cobra.Command) string {
	for _, name := range []string{"from", "max-bytes", "max-price"} {
		if c.Flags().Changed(name) {
			return "--" + name
		}
	}
	return ""
}

// price is the most to pay, nil when nothing was said.
func (t *transferFlags) price(c *cobra.Command) *uint64 {
	if !c.Flags().Changed("max-price") {
		return nil
	}
	return &t.maxPrice
}

// check refuses what is no npub.
func (t *transferFlags) check() error {
	for _, npub := range t.from {
		if _, err := identity.ParsePubKey(npub); err != nil {
			return failf(exitUsage, "a node is named by its npub, as its infernet status prints it", "--from: %w", err)
		}
	}
	return nil
}

// present makes a path absolute and refuses one where nothing is, before a
// node is started for it.
func present(path string) (string, error) {
	abs, err := absolute(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, os.ErrPermission):
		return "", failf(exitNoRights, "make it readable for the user whose node this is", "cannot add: %w", err)
	case err != nil:
		return "", fmt.Errorf("cannot add: %w", err)
	case !info.IsDir() && !info.Mode().IsRegular():
		return "", failf(exitUsage, "write it to a file and add that", "cannot add %s: neither a file nor a folder", foreign(path))
	}
	return abs, nil
}

// interrupted tells how to go on with a transfer that its owner stopped.
func interrupted(cmd *cobra.Command, err error) error {
	if err == nil || cmd.Context().Err() == nil {
		return err
	}
	return failf(exitInterrupted, "ask again: it goes on where it was", "interrupted")
}

// sizeFlag is a number of bytes with its unit, or bare.
type sizeFlag uint64

func (s *sizeFlag) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(*s), 10)
}

// Type implements pflag.Value: the word of the help text.
func (s *sizeFlag) Type() string { return "size" }

// Set implements pflag.Value.
func (s *sizeFlag) Set(text string) error {
	n, ok := job.ParseBytes(text)
	if !ok {
		var err error
		if n, err = strconv.ParseUint(text, 10, 63); err != nil {
			return errors.New("write a size as 512MiB or 20GiB")
		}
	}
	*s = sizeFlag(n)
	return nil
}

// kindText is a shelf for one thing.
func kindText(k api.ContentKind) string {
	switch k {
	case api.Models:
		return "model"
	case api.Images:
		return "image"
	case api.Data:
		return "data"
	}
	return "-"
}
