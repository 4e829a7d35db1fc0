package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"
)

// Clef signs through the external API of Clef (account_signTransaction,
// account_signTypedData, schema 6), where rules or a person say yes or no. It
// believes nothing: each signature is checked to be of the account and over
// what was asked.
type Clef struct {
	rpc  *rpc.Client
	addr common.Address
}

var _ Signer = (*Clef)(nil)

// DialClef connects to Clef at an http URL (https, or nearby) or at the path of
// its socket or pipe, and asks for its version. It does not ask whether Clef
// has the account: a person would have to allow that each time; the first
// signature tells. Errors: ErrConfig, ErrSigner.
func DialClef(ctx context.Context, at string, account common.Address) (*Clef, error) {
	if account == (common.Address{}) {
		return nil, fmt.Errorf("%w: clef needs an account", ErrConfig)
	}
	var options []rpc.ClientOption
	if strings.Contains(at, "://") {
		if _, err := (Config{}).hostOf(at); err != nil {
			return nil, fmt.Errorf("%w: clef: %w", ErrConfig, err)
		}
		options = append(options, rpc.WithHTTPClient(&http.Client{
			Transport:     limited{newTransport(), defaultMaxAnswer},
			CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirects are not followed") },
		}))
	}
	client, err := rpc.DialOptions(ctx, at, options...)
	if err != nil {
		return nil, fmt.Errorf("%w: clef cannot be reached: %w", ErrSigner, err)
	}
	var version string
	if err := client.CallContext(ctx, &version, "account_version"); err != nil {
		client.Close()
		return nil, fmt.Errorf("%w: clef: %w", ErrSigner, explained(err))
	}
	if !strings.HasPrefix(version, "6.") {
		client.Close()
		return nil, fmt.Errorf("%w: clef speaks external API %.20q, not 6", ErrSigner, version)
	}
	return &Clef{rpc: client, addr: account}, nil
}

// Close ends the connection.
func (c *Clef) Close() { c.rpc.Close() }

// Address implements Signer.
func (c *Clef) Address() common.Address { return c.addr }

// SignTx implements Signer; it waits for Clef until ctx is done.
func (c *Clef) SignTx(ctx context.Context, tx *types.Transaction, chainID *big.Int) (*types.Transaction, error) {
	if tx.Type() != types.DynamicFeeTxType || tx.To() == nil {
		return nil, fmt.Errorf("%w: only calls with EIP-1559 fees", ErrOp)
	}
	to, data := common.NewMixedcaseAddress(*tx.To()), hexutil.Bytes(tx.Data())
	var out struct {
		Raw hexutil.Bytes      `json:"raw"`
		Tx  *types.Transaction `json:"tx"`
	}
	err := c.rpc.CallContext(ctx, &out, "account_signTransaction", &apitypes.SendTxArgs{
		From:                 common.NewMixedcaseAddress(c.addr),
		To:                   &to,
		Gas:                  hexutil.Uint64(tx.Gas()),
		MaxFeePerGas:         (*hexutil.Big)(tx.GasFeeCap()),
		MaxPriorityFeePerGas: (*hexutil.Big)(tx.GasTipCap()),
		Value:                hexutil.Big(*tx.Value()),
		Nonce:                hexutil.Uint64(tx.Nonce()),
		Input:                &data,
		ChainID:              (*hexutil.Big)(chainID),
	})
	if err != nil {
		return nil, fmt.Errorf("%w: clef: %w", ErrSigner, explained(err))
	}
	return out.Tx, checkTx(tx, out.Tx, chainID, c.addr)
}

// SignTyped implements Signer; it waits for Clef until ctx is done.
func (c *Clef) SignTyped(ctx context.Context, data apitypes.TypedData) ([65]byte, error) {
	digest, err := digestOf(data)
	if err != nil {
		return [65]byte{}, err
	}
	var sig hexutil.Bytes
	addr := common.NewMixedcaseAddress(c.addr)
	if err := c.rpc.CallContext(ctx, &sig, "account_signTypedData", &addr, data); err != nil {
		return [65]byte{}, fmt.Errorf("%w: clef: %w", ErrSigner, explained(err))
	}
	return checkTyped(digest, sig, c.addr)
}
