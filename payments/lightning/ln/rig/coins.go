package rig

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcutil/bech32"
)

// The chain's rewards go to a script that anybody can spend from, so that the
// rig can hand them to wallets which do not exist when they are mined, and
// without a key.
var anybody = []byte{0x51} // OP_TRUE

// Amounts in satoshi.
const (
	reward   = 50e8
	chainFee = 10_000
)

// anybodysAddress is that of the script, as a witness of version 0.
func anybodysAddress() (string, error) {
	program := sha256.Sum256(anybody)
	return segwit(program[:])
}

func segwit(program []byte) (string, error) {
	groups, err := bech32.ConvertBits(program, 8, 5, true)
	if err != nil {
		return "", err
	}
	return bech32.Encode("sb", append([]byte{0}, groups...))
}

// outputScript is what pays an address of a wallet's (version 0).
func outputScript(address string) ([]byte, error) {
	_, groups, err := bech32.Decode(address)
	if err != nil || len(groups) == 0 || groups[0] != 0 {
		return nil, fmt.Errorf("rig: cannot pay %q: %w", address, err)
	}
	program, err := bech32.ConvertBits(groups[1:], 5, 8, false)
	if err != nil {
		return nil, err
	}
	return append([]byte{0, byte(len(program))}, program...), nil
}

// pay shares the reward of a block among addresses.
func (c *Chain) pay(ctx context.Context, block int, addresses ...string) error {
	var hash string
	if err := c.call(ctx, &hash, "getblockhash", block); err != nil {
		return err
	}
	var found struct{ Tx []string }
	if err := c.call(ctx, &found, "getblock", hash, 1); err != nil {
		return err
	}
	if len(found.Tx) == 0 {
		return fmt.Errorf("rig: block %d is empty", block)
	}
	tx, err := spend(found.Tx[0], addresses)
	if err != nil {
		return err
	}
	var sent string
	return c.call(ctx, &sent, "sendrawtransaction", hex.EncodeToString(tx), true)
}

// spend writes the transaction (BIP 144) that shares the first output of a
// coinbase.
func spend(coinbase string, addresses []string) ([]byte, error) {
	id, err := hex.DecodeString(coinbase)
	if err != nil {
		return nil, err
	}
	slices.Reverse(id)
	var b bytes.Buffer
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) } // to a buffer: no error
	put(uint32(2))
	b.Write([]byte{0, 1, 1}) // with witnesses; one input
	b.Write(id)
	put(uint32(0))
	b.WriteByte(0)
	put(uint32(0xffffffff))
	b.WriteByte(byte(len(addresses)))
	for _, a := range addresses {
		script, err := outputScript(a)
		if err != nil {
			return nil, err
		}
		put(uint64(reward-chainFee) / uint64(len(addresses)))
		b.WriteByte(byte(len(script)))
		b.Write(script)
	}
	b.Write([]byte{1, byte(len(anybody))})
	b.Write(anybody)
	put(uint32(0))
	return b.Bytes(), nil
}
