package wire

// VerdictUnpaid is said by a provider of an attempt that its payer did not pay:
// the one verdict of a Receipt that judges the payer. No Verdict says it.
const VerdictUnpaid = "unpaid"

// Whose fault it is that an attempt did not end well. Only what a peer is
// proven to have done itself lowers anybody's opinion of it.
const (
	BlameProvider     = "provider"     // proven: a wrong result, a broken promise
	BlameClient       = "client"       // the payer's own doing: cancelled, out of credit
	BlameNetwork      = "network"      // silence, of which nobody knows the cause
	BlameInconclusive = "inconclusive" // cannot be told
)

// blame checks whose fault a verdict is said to be.
func (c *checks) blame(verdict, blame string) {
	if blame == "" {
		return
	}
	c.that(verdict != VerdictOK, "blame", "is put on somebody for what is ok")
	c.oneOf("blame", blame, BlameProvider, BlameClient, BlameNetwork, BlameInconclusive)
	// Who drives a stranger's task cannot know whether honest results of it differ.
	c.that(verdict != VerdictBad || blame == BlameProvider || blame == BlameInconclusive, "blame", "of a wrong result is the provider's, or cannot be told")
}
