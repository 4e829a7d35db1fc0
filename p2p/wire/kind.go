package wire

import "fmt"

// Kind is the NIP-01 kind of a document.
type Kind int

// The kinds of documents. 20000-29999 are ephemeral (NIP-01): they are said
// once on a stream, carry an expiration and a nonce, and nobody republishes
// them. The others are kept as evidence.
const (
	KindReceipt         Kind = 1580
	KindFraudProof      Kind = 1581
	KindCreditNote      Kind = 1582
	KindCountersign     Kind = 1583
	KindProfile         Kind = 1584
	KindDisclosure      Kind = 1585
	KindOperatorBinding Kind = 10580
	KindJobOffer        Kind = 25580
	KindQuote           Kind = 25581
	KindAccept          Kind = 25582
	KindCommit          Kind = 25583
	KindReveal          Kind = 25584
	KindVerdict         Kind = 25585
	KindCancel          Kind = 25586
	KindError           Kind = 25587
	KindRevealRequest   Kind = 25588
	KindProgress        Kind = 25589
	KindDelegate        Kind = 25590
	KindInferOffer      Kind = 25591
	KindInferQuote      Kind = 25592
	KindLease           Kind = 25593
	KindWindow          Kind = 25594
	KindDelivery        Kind = 25595
	KindPayTermsAsk     Kind = 25596
	KindPayTerms        Kind = 25597
	KindInvoiceAsk      Kind = 25598
	KindInvoice         Kind = 25599
	KindVoucher         Kind = 25600
	KindRelease         Kind = 25601
	KindProviderOffer   Kind = 30580
	KindDigest          Kind = 30581
	KindContentName     Kind = 30582
)

// maxKind is the last kind of NIP-01.
const maxKind = 1<<16 - 1

// Ephemeral reports whether documents of the kind are said once and then
// forgotten by everyone but the parties.
func (k Kind) Ephemeral() bool { return k >= 20000 && k < 30000 }

// String returns the name of the kind's Go type, or kind(N) for one not known.
func (k Kind) String() string {
	switch k {
	case KindReceipt:
		return "Receipt"
	case KindFraudProof:
		return "FraudProof"
	case KindCreditNote:
		return "CreditNote"
	case KindCountersign:
		return "Countersign"
	case KindProfile:
		return "Profile"
	case KindDisclosure:
		return "Disclosure"
	case KindOperatorBinding:
		return "OperatorBinding"
	case KindJobOffer:
		return "JobOffer"
	case KindQuote:
		return "Quote"
	case KindAccept:
		return "Accept"
	case KindCommit:
		return "Commit"
	case KindReveal:
		return "Reveal"
	case KindVerdict:
		return "Verdict"
	case KindCancel:
		return "Cancel"
	case KindError:
		return "Error"
	case KindRevealRequest:
		return "RevealRequest"
	case KindProgress:
		return "Progress"
	case KindDelegate:
		return "Delegate"
	case KindInferOffer:
		return "InferOffer"
	case KindInferQuote:
		return "InferQuote"
	case KindLease:
		return "Lease"
	case KindWindow:
		return "Window"
	case KindDelivery:
		return "Delivery"
	case KindPayTermsAsk:
		return "PayTermsAsk"
	case KindPayTerms:
		return "PayTerms"
	case KindInvoiceAsk:
		return "InvoiceAsk"
	case KindInvoice:
		return "Invoice"
	case KindVoucher:
		return "Voucher"
	case KindRelease:
		return "Release"
	case KindProviderOffer:
		return "ProviderOffer"
	case KindDigest:
		return "Digest"
	case KindContentName:
		return "ContentName"
	}
	return fmt.Sprintf("kind(%d)", int(k))
}
