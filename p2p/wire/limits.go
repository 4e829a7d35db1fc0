package wire

// Limits of every document. They are checked on bytes, before memory is taken
// for what the bytes claim.
const (
	MaxEvent     = 256 << 10 // bytes of an event's JSON
	MaxTags      = 64        // tags of an event
	MaxTagValues = 160       // strings in a tag, its name among them
	MaxTagBytes  = 8 << 10   // bytes of one string in a tag
)

const (
	tagExpiration = "expiration" // NIP-40, unix seconds
	tagNonce      = "n"
	// fixedSize is at least the JSON of an event without tags and content:
	// names and punctuation, three hex strings and two 20-digit numbers.
	fixedSize = 80 + 64 + 64 + 128 + 40
)
