package contract_test

import (
	"context"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/core/vm/runtime"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"

	"infernet.tech/infernet/payments/polygon/chaintest/evm"
	"infernet.tech/infernet/payments/polygon/chaintest/tokens"
	"infernet.tech/infernet/payments/polygon/contract"
)

// chainID is that of the machines of these tests.
const chainID = evm.ChainID

// minDelay is what the contracts of these tests are deployed with.
const minDelay = 60

var deployer = evm.Address(9)

// machine is an EVM without a chain around it: each send is one transaction,
// and time is what the test says. It is some fifty times as fast as a chain.
type machine struct {
	tb    testing.TB
	state *state.StateDB
	chain params.ChainConfig
	now   uint64
	sent  uint64
}

func newMachine(tb testing.TB) *machine {
	tb.Helper()
	db, err := state.New(types.EmptyRootHash, state.NewDatabaseForTesting())
	if err != nil {
		tb.Fatal(err)
	}
	chain := *params.AllDevChainProtocolChanges
	chain.BogotaTime = nil
	return &machine{tb: tb, state: db, chain: chain, now: 1_800_000_000}
}

func (m *machine) config(from common.Address, value uint64) *runtime.Config {
	return &runtime.Config{
		ChainConfig: &m.chain, Origin: from, BlockNumber: big.NewInt(1), Time: m.now, GasLimit: 50_000_000,
		State: m.state, Value: new(big.Int).SetUint64(value), BaseFee: new(big.Int),
	}
}

// send runs a transaction. On failure the data that came back is in ret.
func (m *machine) send(from, to common.Address, data []byte) (ret []byte, logs []*types.Log, err error) {
	return m.pay(from, to, data, 0)
}

func (m *machine) pay(from, to common.Address, data []byte, value uint64) (ret []byte, logs []*types.Log, err error) {
	m.sent++
	hash := common.BigToHash(new(big.Int).SetUint64(m.sent))
	m.state.SetTxContext(hash, 0, 0)
	cfg := m.config(from, value)
	ret, _, err = runtime.Call(to, data, cfg)
	logs = m.state.GetLogs(hash, 1, common.Hash{}, m.now)
	m.state.Finalise(m.chain.Rules(cfg.BlockNumber, true, m.now))
	return ret, logs, err
}

func (m *machine) deploy(code []byte, err error) common.Address {
	m.tb.Helper()
	if err != nil {
		m.tb.Fatal(err)
	}
	cfg := m.config(deployer, 0)
	_, at, _, err := runtime.Create(code, cfg)
	if err != nil {
		m.tb.Fatalf("deploy: %v", err)
	}
	m.state.Finalise(m.chain.Rules(cfg.BlockNumber, true, m.now))
	return at
}

// CallContract makes the machine a contract.Caller.
func (m *machine) CallContract(_ context.Context, msg ethereum.CallMsg, _ *big.Int) ([]byte, error) {
	before := m.state.Snapshot()
	defer m.state.RevertToSnapshot(before)
	ret, _, err := runtime.Call(*msg.To, msg.Data, m.config(msg.From, 0))
	return ret, err
}

// must is send for what has to succeed.
func (m *machine) must(from, to common.Address, data []byte, err error) []*types.Log {
	m.tb.Helper()
	if err != nil {
		m.tb.Fatal(err)
	}
	ret, logs, err := m.send(from, to, data)
	if err != nil {
		m.tb.Fatalf("%v: %x: %v", err, ret, refusal(ret))
	}
	return logs
}

// refused is send for what the contract has to refuse with want.
func (m *machine) refused(want contract.Refusal, from, to common.Address, data []byte, err error) {
	m.tb.Helper()
	if err != nil {
		m.tb.Fatal(err)
	}
	ret, _, err := m.send(from, to, data)
	if got := refusal(ret); !errors.Is(err, vm.ErrExecutionReverted) || got != want {
		m.tb.Fatalf("%v with %v (%x), not %v", err, got, ret, want)
	}
}

func refusal(ret []byte) contract.Refusal {
	r, err := contract.ParseRevert(ret)
	if err != nil {
		return contract.Refusal{Name: "another error"}
	}
	return r
}

func because(r contract.Reason) contract.Refusal {
	return contract.Refusal{Name: "Refused", Reason: r}
}

func named(name string) contract.Refusal { return contract.Refusal{Name: name} }

func (m *machine) ether(who common.Address, wei uint64) {
	m.state.SetBalance(who, uint256.NewInt(wei), 0)
}

// rig is a machine with a token and a contract, and accounts of which the first
// eight have a million each and have approved the contract for everything.
type rig struct {
	*machine
	token contract.Token
	at    contract.Contract
}

func newRig(tb testing.TB, kind tokens.Name) *rig {
	tb.Helper()
	m := newMachine(tb)
	token := contract.USDC(chainID, m.deploy(tokens.InitCode(kind)))
	r := &rig{m, token, contract.At(chainID, m.deploy(contract.InitCode(token.Address, minDelay)))}
	for i := range 8 {
		m.must(deployer, token.Address, tokens.Mint(evm.Address(i), evm.Mint), nil)
		m.must(evm.Address(i), token.Address, token.Approve(r.at.Address, contract.MaxAmount), nil)
	}
	return r
}

func (r *rig) balance(who common.Address) uint64 {
	r.tb.Helper()
	v, err := r.token.Balance(context.Background(), r, who, nil)
	if err != nil {
		r.tb.Fatal(err)
	}
	return v
}

func (r *rig) channel(cfg contract.Config) contract.State {
	r.tb.Helper()
	s, err := r.at.State(context.Background(), r, r.at.ChannelID(cfg), nil)
	if err != nil {
		r.tb.Fatal(err)
	}
	return s
}

// config is a channel from account 0, signed for by 1, to 2.
func config(salt uint64) contract.Config {
	return contract.Config{Payer: evm.Address(0), Signer: evm.Address(1), Payee: evm.Address(2), Delay: 3600, Salt: salt}
}

func (r *rig) open(cfg contract.Config, amount uint64) contract.ChannelID {
	r.tb.Helper()
	data, err := contract.Open(cfg, amount)
	r.must(cfg.Payer, r.at.Address, data, err)
	return r.at.ChannelID(cfg)
}

// voucher signs for total with account by's key.
func (r *rig) voucher(cfg contract.Config, total uint64, by int) contract.Voucher {
	r.tb.Helper()
	root := [32]byte{0xab, byte(total)}
	s, err := contract.Sign(r.at.VoucherDigest(r.at.ChannelID(cfg), total, root), evm.Key(by))
	if err != nil {
		r.tb.Fatal(err)
	}
	return contract.Voucher{Cumulative: total, Root: root, Signature: s}
}

// authorization is account 0's consent to a deposit.
func (r *rig) authorization(cfg contract.Config, amount uint64, salt byte) contract.Authorization {
	r.tb.Helper()
	a := contract.Authorization{ValidBefore: r.now + 600, Salt: [32]byte{salt}}
	var err error
	if a.Signature, err = contract.Sign(r.token.AuthorizationDigest(r.at, cfg, amount, a), evm.Key(0)); err != nil {
		r.tb.Fatal(err)
	}
	return a
}

// agreed is a close that account 1 signs for the payer and 2 as the payee.
func (r *rig) agreed(cfg contract.Config, total uint64) ([]byte, error) {
	r.tb.Helper()
	digest := r.at.CloseDigest(r.at.ChannelID(cfg), total)
	signer, err := contract.Sign(digest, evm.Key(1))
	if err != nil {
		return nil, err
	}
	payee, err := contract.Sign(digest, evm.Key(2))
	if err != nil {
		return nil, err
	}
	return contract.CloseCooperative(cfg, total, signer, payee)
}

// atToken is a consent brought straight to the token, by one of EIP-3009's two
// methods.
func (r *rig) atToken(method string, l *lane, d deposit) []byte {
	number := func(v uint64) []byte { return common.BigToHash(new(big.Int).SetUint64(v)).Bytes() }
	nonce := contract.AuthorizationNonce(l.id, d.amount, d.auth.Salt)
	s := d.auth.Signature
	return slices.Concat(
		crypto.Keccak256([]byte(method + "(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)"))[:4],
		common.LeftPadBytes(l.cfg.Payer[:], 32), common.LeftPadBytes(r.at.Address[:], 32), number(d.amount),
		number(d.auth.ValidAfter), number(d.auth.ValidBefore), nonce[:], number(uint64(s[64])), s[:32], s[32:64])
}
