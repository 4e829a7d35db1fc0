package bolt11_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"pgregory.net/rapid"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/bolt11"
	"infernet.tech/infernet/payments/lightning/ln/lntest"
)

// The examples of BOLT 11: who signed them all, and the hash that all but one
// pay.
const (
	signer  = "03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad"
	hash    = "0001020304050607080900010203040506070809000102030405060708090102"
	hashed  = "3925b6f67e2c340036ed12093dd44e0368df1b6ea26c53dbe4811f58fd5db8c1"
	beans   = "lnbc25m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5vdhkven9v5sxyetpdeessp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygs9q5sqqqqqqqqqqqqqqqpqsq67gye39hfg3zd8rgc80k32tvy9xk2xunwm5lzexnvpx6fd77en8qaq424dxgt56cag2dpt359k3ssyhetktkpqh24jqnjyw6uqd08sgptq44qu"
	minutes = time.Minute
)

// ignored is beans with fields that a reader skips: an unknown one, a fallback of
// an unknown version, and hashes, secrets and keys of a length that is not theirs.
var ignored = func() string {
	s := beans[:strings.LastIndex(beans, "sqqqqqqqqqqqqqqqpqsq")] + "sqqqqqqqqqqqqqqqpqsq2qrqqqfppn" + strings.Repeat("q", 32)
	for _, f := range []struct {
		letters string
		groups  int
	}{{"ppn", 51}, {"pp4", 53}, {"hpn", 51}, {"hp4", 53}, {"spn", 51}, {"sp4", 53}, {"np5", 52}, {"npk", 54}} {
		s += f.letters + strings.Repeat("q", f.groups)
	}
	return s + "2jxxfsnucm4jf4zwtznpaxphce606fvhvje5x7d4gw7n73994hgs7nteqvenq8a4ml8aqtchv5d9pf7l558889hp4yyrqv6a7zpq9fgpskqhza"
}()

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		name, text, network string
		msat                uint64
		description         string
		hashed              string
		expiry              time.Duration
		cltv                uint32
	}{
		{"donation", "lnbc1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq8rkx3yf5tcsyz3d73gafnh3cax9rn449d9p5uxz9ezhhypd0elx87sjle52x86fux2ypatgddc6k63n7erqz25le42c4u4ecky03ylcqca784w",
			"mainnet", 0, "Please consider supporting this project", "", time.Hour, 18},
		{"coffee", "lnbc2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpuaztrnwngzn3kdzw5hydlzf03qdgm2hdq27cqv3agm2awhz5se903vruatfhq77w3ls4evs3ch9zw97j25emudupq63nyw24cg27h2rspfj9srp",
			"mainnet", 250_000_000, "1 cup coffee", "", minutes, 18},
		{"nonsense", "lnbc2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpquwpc4curk03c9wlrswe78q4eyqc7d8d0xqzpuyk0sg5g70me25alkluzd2x62aysf2pyy8edtjeevuv4p2d5p76r4zkmneet7uvyakky2zr4cusd45tftc9c5fh0nnqpnl2jfll544esqchsrny",
			"mainnet", 250_000_000, "ナンセンス 1杯", "", minutes, 18},
		{"hashed", "lnbc20m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqscc6gd6ql3jrc5yzme8v4ntcewwz5cnw92tz0pc8qcuufvq7khhr8wpald05e92xw006sq94mg8v2ndf4sefvf9sygkshp5zfem29trqq2yxxz7",
			"mainnet", 2_000_000_000, "", hashed, time.Hour, 18},
		{"testnet, fallback", "lntb20m1pvjluezhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqfpp3x9et2e20v6pu37c5d9vax37wxq72un98kmzzhznpurw9sgl2v0nklu2g4d0keph5t7tj9tcqd8rexnd07ux4uv2cjvcqwaxgj7v4uwn5wmypjd5n69z2xm3xgksg28nwht7f6zspwp3f9t",
			"testnet", 2_000_000_000, "", hashed, time.Hour, 18},
		{"routing", "lnbc20m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqsfpp3qjmp7lwpagxun9pygexvgpjdc4jdj85fr9yq20q82gphp2nflc7jtzrcazrra7wwgzxqc8u7754cdlpfrmccae92qgzqvzq2ps8pqqqqqqpqqqqq9qqqvpeuqafqxu92d8lr6fvg0r5gv0heeeqgcrqlnm6jhphu9y00rrhy4grqszsvpcgpy9qqqqqqgqqqqq7qqzqj9n4evl6mr5aj9f58zp6fyjzup6ywn3x6sk8akg5v4tgn2q8g4fhx05wf6juaxu9760yp46454gpg5mtzgerlzezqcqvjnhjh8z3g2qqdhhwkj",
			"mainnet", 2_000_000_000, "", hashed, time.Hour, 18},
		{"P2SH", "lnbc20m1pvjluezhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqfppj3a24vwu6r8ejrss3axul8rxldph2q7z9kmrgvr7xlaqm47apw3d48zm203kzcq357a4ls9al2ea73r8jcceyjtya6fu5wzzpe50zrge6ulk4nvjcpxlekvmxl6qcs9j3tz0469gq5g658y",
			"mainnet", 2_000_000_000, "", hashed, time.Hour, 18},
		{"P2WPKH", "lnbc20m1pvjluezhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqfppqw508d6qejxtdg4y5r3zarvary0c5xw7kepvrhrm9s57hejg0p662ur5j5cr03890fa7k2pypgttmh4897d3raaq85a293e9jpuqwl0rnfuwzam7yr8e690nd2ypcq9hlkdwdvycqa0qza8",
			"mainnet", 2_000_000_000, "", hashed, time.Hour, 18},
		{"P2WSH", "lnbc20m1pvjluezhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqfp4qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q28j0v3rwgy9pvjnd48ee2pl8xrpxysd5g44td63g6xcjcu003j3qe8878hluqlvl3km8rm92f5stamd3jw763n3hck0ct7p8wwj463cql26ava",
			"mainnet", 2_000_000_000, "", hashed, time.Hour, 18},
		{"beans", beans, "mainnet", 2_500_000_000, "coffee beans", "", time.Hour, 18},
		{"upper case", strings.ToUpper(beans), "mainnet", 2_500_000_000, "coffee beans", "", time.Hour, 18},
		{"fields to ignore", ignored,
			"mainnet", 2_500_000_000, "coffee beans", "", time.Hour, 18},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			got, err := bolt11.Decode(v.text)
			if err != nil {
				t.Fatal(err)
			}
			if got.Payee.String() != signer || got.Hash.String() != hash || got.Network != v.network || got.AmountMsat != v.msat ||
				got.Description != v.description || got.Expiry != v.expiry || got.CLTVExpiry != v.cltv || got.CreatedAt.Unix() != 1496314658 {
				t.Errorf("%+v", got)
			}
			if got.HasDescriptionHash != (v.hashed != "") || (v.hashed != "" && got.DescriptionHash.String() != v.hashed) {
				t.Errorf("description hash %v %s", got.HasDescriptionHash, got.DescriptionHash)
			}
		})
	}
}

func TestVectorPico(t *testing.T) {
	t.Parallel()
	got, err := bolt11.Decode("lnbc9678785340p1pwmna7lpp5gc3xfm08u9qy06djf8dfflhugl6p7lgza6dsjxq454gxhj9t7a0sd8dgfkx7cmtwd68yetpd5s9xar0wfjn5gpc8qhrsdfq24f5ggrxdaezqsnvda3kkum5wfjkzmfqf3jkgem9wgsyuctwdus9xgrcyqcjcgpzgfskx6eqf9hzqnteypzxz7fzypfhg6trddjhygrcyqezcgpzfysywmm5ypxxjemgw3hxjmn8yptk7untd9hxwg3q2d6xjcmtv4ezq7pqxgsxzmnyyqcjqmt0wfjjq6t5v4khxxqyjw5qcqp2rzjq0gxwkzc8w6323m55m4jyxcjwmy7stt9hwkwe2qxmy8zpsgg7jcuwz87fcqqeuqqqyqqqqlgqqqqn3qq9qn07ytgrxxzad9hc4xt3mawjjt8znfv8xzscs7007v9gh9j569lencxa8xeujzkxs0uamak9aln6ez02uunw6rd2ht2sqe4hz8thcdagpleym0j")
	if err != nil {
		t.Fatal(err)
	}
	if got.AmountMsat != 967878534 || got.Expiry != 604800*time.Second || got.CLTVExpiry != 10 || got.CreatedAt.Unix() != 1572468703 ||
		got.Hash.String() != "462264ede7e14047e9b249da94fefc47f41f7d02ee9b091815a5506bc8abf75f" || !strings.HasPrefix(got.Description, "Blockstream Store: 88.85 USD") {
		t.Errorf("%+v", got)
	}
}

func TestSecretAndFeatures(t *testing.T) {
	t.Parallel()
	got, err := bolt11.Decode(beans)
	if err != nil {
		t.Fatal(err)
	}
	if got.Secret != [32]byte([]byte(strings.Repeat("\x11", 32))) || len(got.Features) != 3 || got.Features[0] != 9 || got.Features[1] != 15 || got.Features[2] != 99 {
		t.Errorf("secret %x, features %v", got.Secret, got.Features)
	}
}

// TestRefused are the standard's bad invoices, and some of our own.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"unknown feature 100":  "lnbc25m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5vdhkven9v5sxyetpdeessp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygs9q4psqqqqqqqqqqqqqqqpqsqq40wa3khl49yue3zsgm26jrepqr2eghqlx86rttutve3ugd05em86nsefzh4pfurpd9ek9w2vp95zxqnfe2u7ckudyahsa52q66tgzcp6t2dyk",
		"checksum":             "lnbc2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpquwpc4curk03c9wlrswe78q4eyqc7d8d0xqzpuyk0sg5g70me25alkluzd2x62aysf2pyy8edtjeevuv4p2d5p76r4zkmneet7uvyakky2zr4cusd45tftc9c5fh0nnqpnl2jfll544esqchsrnt",
		"no prefix":            "pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpquwpc4curk03c9wlrswe78q4eyqc7d8d0xqzpuyk0sg5g70me25alkluzd2x62aysf2pyy8edtjeevuv4p2d5p76r4zkmneet7uvyakky2zr4cusd45tftc9c5fh0nnqpnl2jfll544esqchsrny",
		"mixed case":           "LNBC2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpquwpc4curk03c9wlrswe78q4eyqc7d8d0xqzpuyk0sg5g70me25alkluzd2x62aysf2pyy8edtjeevuv4p2d5p76r4zkmneet7uvyakky2zr4cusd45tftc9c5fh0nnqpnl2jfll544esqchsrny",
		"signature":            "lnbc2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpuaxtrnwngzn3kdzw5hydlzf03qdgm2hdq27cqv3agm2awhz5se903vruatfhq77w3ls4evs3ch9zw97j25emudupq63nyw24cg27h2rspk28uwq",
		"too short":            "lnbc1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6na6hlh",
		"multiplier":           "lnbc2500x1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpujr6jxr9gq9pv6g46y7d20jfkegkg4gljz2ea2a3m9lmvvr95tq2s0kvu70u3axgelz3kyvtp2ywwt0y8hkx2869zq5dll9nelr83zzqqpgl2zg",
		"below a millisatoshi": "lnbc2500000001p1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu7hqtk93pkf7sw55rdv4k9z2vj050rxdr6za9ekfs3nlt5lr89jqpdmxsmlj9urqumg0h9wzpqecw7th56tdms40p2ny9q4ddvjsedzcplva53s",
		"nothing":              "",
		"an address on chain":  "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
		"longer than any":      "lnbc1" + strings.Repeat("q", 1<<20),
		"a scheme":             "lightning:" + beans,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := bolt11.Decode(text); !errors.Is(err, ln.ErrInvoice) {
				t.Errorf("Decode = %+v, %v", got, err)
			}
		})
	}
}

// TestRoundTrip reads what the fake writes, and nothing that was changed by a
// character.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key, pub := btcec.PrivKeyFromBytes(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
		if key.Key.IsZero() {
			t.Skip()
		}
		want := lntest.Bolt11{
			Network:    rapid.SampledFrom([]string{"mainnet", "testnet", "signet", "regtest", "simnet"}).Draw(t, "network"),
			Hash:       ln.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash")),
			AmountMsat: rapid.Uint64Range(0, ln.MaxMsat).Draw(t, "amount"),
			CreatedAt:  time.Unix(rapid.Int64Range(0, 1<<34).Draw(t, "at"), 0),
			Expiry:     time.Duration(rapid.IntRange(0, 1<<30).Draw(t, "expiry")) * time.Second,
			CLTVExpiry: rapid.Uint32().Draw(t, "cltv"),
		}
		text, err := lntest.Encode(key, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := bolt11.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if got.Payee != ln.PubKey(pub.SerializeCompressed()) || got.Network != want.Network || got.Hash != want.Hash || got.AmountMsat != want.AmountMsat ||
			!got.CreatedAt.Equal(want.CreatedAt) || got.Expiry != want.Expiry || got.CLTVExpiry != want.CLTVExpiry {
			t.Fatalf("wrote %+v, read %+v", want, got)
		}
		at := rapid.IntRange(0, len(text)-1).Draw(t, "place")
		other := rapid.SampledFrom([]byte("qpzry9x8gf2tvdw0s3jn54khce6mua7l")).Draw(t, "letter")
		if text[at] == other {
			return
		}
		if _, err := bolt11.Decode(text[:at] + string(other) + text[at+1:]); err == nil {
			t.Fatalf("a changed letter at %d goes unseen", at)
		}
	})
}

func TestPayable(t *testing.T) {
	t.Parallel()
	made := time.Unix(1496314658, 0)
	spec := ln.PaySpec{Bolt11: beans, Timeout: time.Minute, CLTVLimit: 600}
	for _, c := range []struct {
		name   string
		change func(*ln.PaySpec)
		at     time.Time
		want   error
	}{
		{"good", func(*ln.PaySpec) {}, made, nil},
		{"the last second", func(*ln.PaySpec) {}, made.Add(time.Hour - time.Second), nil},
		{"expired", func(*ln.PaySpec) {}, made.Add(time.Hour), ln.ErrInvoice},
		{"few blocks", func(s *ln.PaySpec) { s.CLTVLimit = 18 }, made, ln.ErrSpec},
		{"no limit", func(s *ln.PaySpec) { s.CLTVLimit = 0 }, made, nil},
		{"no time", func(s *ln.PaySpec) { s.Timeout = 0 }, made, ln.ErrSpec},
		{"fee overflow", func(s *ln.PaySpec) { s.FeeLimitMsat = 1 << 63 }, made, ln.ErrSpec},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := spec
			c.change(&s)
			if _, err := bolt11.Payable(s, c.at); !errors.Is(err, c.want) {
				t.Errorf("Payable = %v; want %v", err, c.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(beans)
	f.Add("lnbc2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpuaztrnwngzn3kdzw5hydlzf03qdgm2hdq27cqv3agm2awhz5se903vruatfhq77w3ls4evs3ch9zw97j25emudupq63nyw24cg27h2rspfj9srp")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := bolt11.Decode(s)
		if err != nil && !errors.Is(err, ln.ErrInvoice) {
			t.Errorf("Decode: %v", err)
		}
		if err == nil && (got.AmountMsat > ln.MaxMsat || got.Payee == (ln.PubKey{}) || got.Expiry < 0) {
			t.Errorf("%+v", got)
		}
	})
}
