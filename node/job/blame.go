package job

// Blame says whose fault a failed attempt is.
const (
	BlameProvider     = "provider"     // proven, or admitted: only this lowers a score
	BlameClient       = "client"       // this side's: cancelled, out of credit, its own network down
	BlameNetwork      = "network"      // nobody can tell a dead line from a dead provider
	BlameInconclusive = "inconclusive" // it cannot be told
)

// Blame turns the code of a Reason into whose fault it is. heard says that the
// provider was heard of shortly before: then its silence is not the network's.
func Blame(code string, heard bool) string {
	switch code {
	case CodeWrongReveal, CodeWrongSize, CodeWrongUnits, CodeCopied, CodeMismatch, CodeProtocol:
		return BlameProvider
	case CodeCancelled, CodeSuperseded, CodeExcluded, CodeBudget, CodeFunds, CodeTimeout, CodeOffline, CodeUnpaid, CodeCaught, CodeCanary, CodeAttempts:
		return BlameClient
	case CodeLate, CodeNoReveal, CodeNotFetched:
		if heard {
			return BlameProvider
		}
		return BlameNetwork
	case CodeNever, CodeUnreachable:
		return BlameNetwork
	}
	return BlameInconclusive
}
