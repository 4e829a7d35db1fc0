package gpu

// Vendor is who made a card, in lower case.
type Vendor string

// The vendors.
const (
	NVIDIA Vendor = "nvidia"
	AMD    Vendor = "amd"
	Intel  Vendor = "intel"
	Apple  Vendor = "apple"
)

// vendors in the order in which their cards are numbered.
var vendors = [...]Vendor{NVIDIA, AMD, Intel, Apple}

// Device is one whole card. Its texts are cleaned: printable ASCII, cut.
type Device struct {
	// ID names the card for ever: the driver's UUID ("GPU-…"), else the PCI
	// address ("0000:03:00.0").
	ID     string
	Index  int // a small number for people; see the package comment
	Vendor Vendor
	Name   string // as the vendor sells it, or "PCI 8086:56a0"
	Driver string // of the kernel, with its version: "580.159.03", "amdgpu 6.12"
	// Compute is the level programs are built for: "9.0" (CUDA), "gfx942"
	// (ROCm), "metal3"; "" unknown.
	Compute string
	PCI     string // address, "0000:03:00.0"; "" for Apple
	// VRAMBytes is the card's memory as its driver reports it; with unified
	// memory what the GPU may use of it. UsedBytes is taken when Detect ran. 0
	// is unknown.
	VRAMBytes, UsedBytes uint64
	Utilisation          int // percent; -1 unknown
	TemperatureC         int // of the chip; -1 unknown
	// Nodes are the device nodes of this card alone, as paths below /dev.
	Nodes []string
	// Display says that a screen hangs on the card.
	Display bool
}

// Odd is a card, or a part of its driver, that is left out or lacks something.
type Odd struct {
	Vendor Vendor
	PCI    string // "" where the fault is the whole driver's
	Name   string // cleaned like Device.Name; may be empty
	Reason string // one sentence
	Fix    string // what the owner can do; may be empty
	// Used says that the card is in Report.Devices all the same.
	Used bool
}

// Report is all that Scan found.
type Report struct {
	Devices []Device // sorted by Index; no two share an ID or a device node
	Odd     []Odd
}
