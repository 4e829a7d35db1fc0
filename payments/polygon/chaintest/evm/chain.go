package evm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"path/filepath"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/txpool"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/catalyst"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/eth/filters"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"
)

// ChainID is the id of every chain here, geth's own for such chains.
const ChainID = 1337

// Epoch is how far apart the finalised blocks are: those whose number it divides.
const Epoch = 32

// Config says where a chain lives.
type Config struct {
	Dir   string             // of the database; empty keeps it in memory
	Port  int                // of the RPC server on loopback; 0 takes a free one
	Alloc types.GenesisAlloc // what there is from the start beside the accounts
}

// Chain is a running chain.
type Chain struct {
	stack  *node.Node
	eth    *eth.Ethereum
	beacon *catalyst.SimulatedBeacon
	client *ethclient.Client
	mu     sync.Mutex // blocks are made one at a time
	disk   bool
}

// Start opens or makes the chain in cfg.Dir and serves it over HTTP. Close ends
// it. It makes no block by itself.
func Start(cfg Config) (*Chain, error) {
	stack, err := node.New(nodeConfig(cfg))
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	c := &Chain{stack: stack, disk: cfg.Dir != ""}
	if err := c.start(cfg); err != nil {
		return nil, errors.Join(err, stack.Close())
	}
	return c, nil
}

func (c *Chain) start(cfg Config) (err error) {
	if c.eth, err = eth.New(c.stack, ethConfig(cfg)); err != nil {
		return fmt.Errorf("chain: %w", err)
	}
	system := filters.NewFilterSystem(c.eth.APIBackend, filters.Config{})
	c.stack.RegisterAPIs([]rpc.API{{Namespace: "eth", Service: filters.NewFilterAPI(system)}, {Namespace: "dev", Service: &devAPI{c}}})
	if err := c.stack.Start(); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if c.beacon, err = catalyst.NewSimulatedBeacon(0, common.Address{}, c.eth); err != nil {
		return fmt.Errorf("beacon: %w", err)
	}
	head := c.eth.BlockChain().CurrentBlock()
	if err := c.beacon.Fork(head.Hash()); err != nil {
		return fmt.Errorf("beacon: %w", err)
	}
	if head.Number.Sign() > 0 {
		// With the first block that it makes a beacon calls the head it found final,
		// and takes that back: nobody shall see it.
		c.commit()
	}
	c.client = ethclient.NewClient(c.stack.Attach())
	return nil
}

func nodeConfig(cfg Config) *node.Config {
	n := node.DefaultConfig
	n.DataDir, n.Name = "", "devchain"
	if cfg.Dir != "" {
		n.DataDir = filepath.Clean(cfg.Dir)
	}
	n.P2P = p2p.Config{NoDiscovery: true, NoDial: true}
	n.HTTPHost, n.HTTPPort = "127.0.0.1", cfg.Port
	n.HTTPModules = []string{"eth", "net", "web3", "dev"}
	n.UseLightweightKDF = true
	return &n
}

func ethConfig(cfg Config) *ethconfig.Config {
	chain := *params.AllDevChainProtocolChanges
	// The rules of today, which Polygon has too, and no later ones: gas is
	// measured by them.
	chain.BogotaTime = nil
	genesis := core.SystemContractAllocs()
	maps.Copy(genesis, alloc())
	maps.Copy(genesis, cfg.Alloc)

	e := ethconfig.Defaults
	e.Genesis = &core.Genesis{Config: &chain, GasLimit: e.Miner.GasCeil, Alloc: genesis, BaseFee: big.NewInt(params.GWei)}
	e.SyncMode = ethconfig.FullSync
	e.TxPool.NoLocals = true
	e.LogNoHistory = true
	e.DatabaseCache, e.TrieCleanCache, e.TrieDirtyCache, e.SnapshotCache = 16, 16, 16, 0
	// All state of each block goes to the database at once: what was mined is
	// there after a kill.
	e.StateScheme, e.NoPruning = rawdb.HashScheme, true
	// However slow the machine is: a block has all transactions that wait, where
	// geth would seal what it has after two seconds, and a call ends as it should.
	e.Miner.Recommit, e.RPCEVMTimeout = time.Hour, 0
	return &e
}

// Close ends the chain and waits until it has ended.
func (c *Chain) Close() error {
	c.client.Close()
	return errors.Join(c.beacon.Stop(), c.stack.Close())
}

// URL is where the chain's RPC is served.
func (c *Chain) URL() string { return c.stack.HTTPEndpoint() }

// Client reaches the chain without HTTP.
func (c *Chain) Client() *ethclient.Client { return c.client }

// Commit makes a block of the pool's transactions, or an empty one.
func (c *Chain) Commit() common.Hash {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.commit()
}

// commit makes a block and, on disk, holds on until it is there: a killed
// process may lose what its database has buffered.
func (c *Chain) commit() common.Hash {
	hash := c.beacon.Commit()
	if c.disk {
		if err := c.eth.ChainDb().SyncKeyValue(); err != nil {
			panic(fmt.Errorf("database of the test chain: %w", err))
		}
	}
	return hash
}

// Finalize makes blocks until the present head is final.
func (c *Chain) Finalize() {
	// What is called final while a block is made is not yet what it will be.
	c.mu.Lock()
	defer c.mu.Unlock()
	head := c.eth.BlockChain().CurrentBlock().Number.Uint64()
	for {
		if f := c.eth.BlockChain().CurrentFinalBlock(); f != nil && f.Number.Uint64() >= head {
			return
		}
		c.commit()
	}
}

// Advance lets time pass on the chain by making a block that much later, and one
// more. What waits gets into a block before.
func (c *Chain) Advance(d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.settle(); err != nil {
		return fmt.Errorf("advance: %w", err)
	}
	for try := 0; ; try++ {
		err := c.beacon.AdjustTime(d)
		if err == nil {
			break
		}
		// Others go on sending meanwhile. What no block takes is not waited for.
		if try == patience || !c.waits() {
			return fmt.Errorf("advance: %w", err)
		}
		c.commit()
		if err := c.settle(); err != nil {
			return fmt.Errorf("advance: %w", err)
		}
	}
	c.commit()
	return nil
}

// patience is how often something is done again that another may have come
// between.
const patience = 32

// waits reports whether there are transactions for the next block.
func (c *Chain) waits() bool {
	pending, _ := c.eth.TxPool().Pending(txpool.PendingFilter{})
	return len(pending) > 0
}

// settle has the pool look at the newest block. It does so by itself, a moment
// later; and being told to look it may still take the block before, since of two
// things to do it picks either: not so often in a row.
func (c *Chain) settle() error {
	for range patience {
		if err := c.eth.TxPool().Sync(); err != nil {
			return err
		}
	}
	return nil
}

// Now is the time of the newest block, in Unix seconds.
func (c *Chain) Now() uint64 { return c.eth.BlockChain().CurrentBlock().Time }

// Reorg replaces the last depth blocks by one more empty ones. What was in them
// is gone, as if never sent; transactions that wait are gone too.
func (c *Chain) Reorg(depth int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	chain := c.eth.BlockChain()
	head := chain.CurrentBlock().Number.Uint64()
	if depth < 1 || uint64(depth) > head {
		return fmt.Errorf("reorg of %d blocks of %d", depth, head)
	}
	c.beacon.Rollback()
	if err := c.fork(chain.GetBlockByNumber(head - uint64(depth)).Hash()); err != nil {
		return fmt.Errorf("reorg: %w", err)
	}
	c.beacon.Rollback() // the pool takes the lost blocks' transactions back
	for range depth + 1 {
		c.commit()
	}
	return nil
}

// Fork takes back the blocks after parent: their transactions wait again. It
// fails while others wait.
func (c *Chain) Fork(parent common.Hash) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fork(parent)
}

func (c *Chain) fork(parent common.Hash) error {
	if err := c.beacon.Fork(parent); err != nil {
		return err
	}
	return c.settle()
}

// Rollback forgets the transactions that wait.
func (c *Chain) Rollback() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beacon.Rollback()
}

// Mine makes a block for each transaction that arrives, and every period if
// that is not zero, until ctx is done.
func (c *Chain) Mine(ctx context.Context, period time.Duration) {
	arrived := make(chan core.NewTxsEvent, 16)
	sub := c.eth.TxPool().SubscribeTransactions(arrived, true)
	defer sub.Unsubscribe()
	var tick <-chan time.Time
	if period > 0 {
		t := time.NewTicker(period)
		defer t.Stop()
		tick = t.C
	}
	c.Commit() // of what waits already
	for {
		select {
		case <-ctx.Done():
			return
		case <-arrived:
		case <-tick:
		}
		c.Commit()
	}
}

// devAPI is what the chain serves beside an ordinary node's methods.
type devAPI struct{ c *Chain }

// Mine makes n blocks: dev_mine.
func (a *devAPI) Mine(n uint64) {
	for range min(n, 1000) {
		a.c.Commit()
	}
}

// Finalize makes blocks until the present head is final: dev_finalize.
func (a *devAPI) Finalize() { a.c.Finalize() }

// Advance lets so many seconds pass: dev_advance.
func (a *devAPI) Advance(seconds uint64) error {
	return a.c.Advance(time.Duration(min(seconds, 1<<31)) * time.Second)
}

// Reorg replaces the last n blocks by empty ones: dev_reorg.
func (a *devAPI) Reorg(n uint64) error { return a.c.Reorg(int(min(n, 1<<20))) }
