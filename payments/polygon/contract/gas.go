package contract

// GasRow is what one operation takes as a whole transaction, in gas.
type GasRow struct {
	Operation string `json:"operation"`
	Gas       uint64 `json:"gas"`       // as TestGas measured it
	Prototype uint64 `json:"prototype"` // of the prototype the design came from; 0: it had none
	Bound     uint64 `json:"bound"`     // more than this is a fault
}

// Gas returns the committed measurements, of a plain token with EIP-3009 and a
// payee that has some of it already. TestGas makes them again, and fails where
// one is off by more than a hundredth or above its bound.
func Gas() []GasRow {
	return []GasRow{
		{"open", 72_575, 81_277, 75_000},
		{"open by EIP-3009", 98_976, 91_681, 101_000},
		{"top-up", 52_757, 47_077, 54_000},
		{"redeem, 1 channel", 52_985, 50_966, 54_000},
		{"redeem, each of 10", 18_721, 19_478, 19_200},
		{"redeem, each of 50", 15_688, 16_477, 16_000},
		{"start close", 31_025, 47_487, 32_000},
		{"finish close", 47_004, 44_325, 48_000},
		{"cooperative close", 66_245, 0, 68_000},
		{"deploy", 2_339_826, 1_770_000, 2_450_000},
	}
}

// GasBehindProxy is one channel of 50 redeemed in a transaction where the token
// stands behind a proxy and has a list of the refused, as USDC does; the aim is
// at most 16,500. TestGasBehindProxy measures it.
const GasBehindProxy = 16_028
