package chain

import (
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// Gwei is 10^9 wei, the step in which fees are given here.
const Gwei uint64 = 1_000_000_000

// Profile is what is fixed for one network.
type Profile struct {
	// Name as in terms and flags: "polygon", "amoy", "local".
	Name string
	// ChainID as in EIP-155.
	ChainID uint64
	// Token is the USDC of the network; zero on local, where a test deploys it.
	Token common.Address
	// Depth tells what is final: 0 is the block tag "finalized", else a block
	// with so many above it. Only a chain of one's own has a depth.
	Depth uint64
	// MinTip is the least priority fee that the network takes, in wei a gas.
	MinTip uint64
	// MaxFee is the default ceiling of the whole fee, in wei a gas.
	MaxFee uint64
	// CoinPrice is what one whole coin is taken to cost where its owner says
	// nothing else, in millionths of the token. Nobody is asked for it.
	CoinPrice uint64
	// MaxLag is the age of the newest block from which on an endpoint is stale;
	// 0 asks for none (a chain that makes blocks only when there is work).
	MaxLag time.Duration
	// MinDelay is the shortest withdraw delay of a channel that a payee takes.
	MinDelay time.Duration
	// Poll is how often the chain is looked at.
	Poll time.Duration
	// MaxLogs is the largest range of blocks that is asked for logs at once.
	MaxLogs uint64
}

// Polygon is the profile of Polygon PoS. Blocks are final after 2 to 5 seconds
// by the tag "finalized"; bor takes no tip under 25 gwei.
func Polygon() Profile {
	return Profile{
		Name: "polygon", ChainID: 137,
		Token:  common.HexToAddress("0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"),
		MinTip: 25 * Gwei, MaxFee: 500 * Gwei, CoinPrice: 300_000, MaxLag: time.Minute,
		MinDelay: 6 * time.Hour, Poll: 4 * time.Second, MaxLogs: 500,
	}
}

// Amoy is the profile of Polygon's public test network.
func Amoy() Profile {
	p := Polygon()
	p.Name, p.ChainID = "amoy", 80002
	p.Token = common.HexToAddress("0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582")
	return p
}

// Local is the profile of a chain of one's own (geth --dev, simulated backend):
// no token, short delays, no lag, final two blocks deep.
func Local() Profile {
	return Profile{
		Name: "local", ChainID: 1337, Depth: 2,
		MinTip: 1, MaxFee: 500 * Gwei, CoinPrice: 300_000,
		MinDelay: time.Second, Poll: 500 * time.Millisecond, MaxLogs: 500,
	}
}

// ProfileByName returns the profile of that name, or ErrConfig.
func ProfileByName(name string) (Profile, error) {
	for _, p := range []Profile{Polygon(), Amoy(), Local()} {
		if p.Name == name {
			return p, nil
		}
	}
	return Profile{}, fmt.Errorf("%w: network %.20q; there are polygon, amoy and local", ErrConfig, name)
}

// Validate returns ErrConfig for a profile that cannot work.
func (p Profile) Validate() error {
	switch {
	case p.Name == "", p.ChainID == 0:
		return fmt.Errorf("%w: a network needs a name and a chain id", ErrConfig)
	case p.MaxFee == 0, p.MinTip > p.MaxFee:
		return fmt.Errorf("%w: %s: the fee ceiling is under the least tip", ErrConfig, p.Name)
	case p.Poll <= 0, p.MaxLogs == 0, p.MaxLag < 0, p.MinDelay < 0:
		return fmt.Errorf("%w: %s: poll and log range have to be positive", ErrConfig, p.Name)
	}
	return nil
}
