package lnd_test

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"infernet.tech/infernet/payments/lightning/ln"
	"infernet.tech/infernet/payments/lightning/ln/lnd"
)

// Macaroons that lnd v0.20.0 made on a simnet long gone: the one of all rights,
// and one for CanReceive and CanHold.
const (
	adminMacaroon    = "0201036c6e6402f801030a1010147064d72e59ebddc59da17c9447951201301a160a0761646472657373120472656164120577726974651a130a04696e666f120472656164120577726974651a170a08696e766f69636573120472656164120577726974651a210a086d616361726f6f6e120867656e6572617465120472656164120577726974651a160a076d657373616765120472656164120577726974651a170a086f6666636861696e120472656164120577726974651a160a076f6e636861696e120472656164120577726974651a140a057065657273120472656164120577726974651a180a067369676e6572120867656e6572617465120472656164000006207bb1aaba559cc949a64aa9c6af349aa5b2172e918ba5849db6b66ec187d8757b"
	invoicesMacaroon = "0201036c6e64029a02030a1016147064d72e59ebddc59da17c9447951201301a81020a0375726912242f696e766f696365737270632e496e766f696365732f416464486f6c64496e766f69636512232f696e766f696365737270632e496e766f696365732f43616e63656c496e766f69636512252f696e766f696365737270632e496e766f696365732f4c6f6f6b7570496e766f696365563212232f696e766f696365737270632e496e766f696365732f536574746c65496e766f696365122c2f696e766f696365737270632e496e766f696365732f53756273637269626553696e676c65496e766f696365121b2f6c6e7270632e4c696768746e696e672f416464496e766f69636512182f6c6e7270632e4c696768746e696e672f476574496e666f00000620a5e27ff32d1865373dd850b502d094a6ecddfee1a41d3e8de9057ed88d9f1e51"
)

func secret() (b [32]byte) {
	rand.Read(b[:])
	return b
}

func rights(t *testing.T, text string) lnd.Rights {
	t.Helper()
	b, err := hex.DecodeString(text)
	must(t, err)
	r, err := lnd.ReadRights(b)
	must(t, err)
	return r
}

func TestRights(t *testing.T) {
	t.Parallel()
	const earns, all = ln.CanReceive | ln.CanHold, ln.CanReceive | ln.CanHold | ln.CanPay | ln.CanBalance | ln.CanChannels | ln.CanOpen
	admin, few := rights(t, adminMacaroon), rights(t, invoicesMacaroon)
	if !admin.Admin() || admin.Can() != all || len(admin.Missing(all)) != 0 {
		t.Errorf("admin: %+v", admin)
	}
	if excess := admin.Excess(all); !slices.Contains(excess, "macaroon:generate") || slices.Contains(excess, "offchain:write") {
		t.Errorf("the admin's excess: %v", excess)
	}
	if few.Admin() || few.Can() != earns || len(few.Excess(earns)) != 0 {
		t.Errorf("few: %+v can %v", few, few.Can())
	}
	if missing := few.Missing(ln.CanPay); !slices.Equal(missing, []string{"offchain:write", "offchain:read"}) {
		t.Errorf("missing to pay: %v", missing)
	}
	if c := lnd.BakeCommand(earns, "f"); !strings.HasPrefix(c, "lncli bakemacaroon --save_to f uri:/lnrpc.Lightning/GetInfo ") || strings.Contains(c, "SendPayment") || !strings.Contains(c, "uri:/invoicesrpc.Invoices/SettleInvoice") {
		t.Errorf("BakeCommand = %s", c)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		p := filepath.Join(dir, name)
		must(t, os.WriteFile(p, []byte(content), mode))
		return p
	}
	binary, err := hex.DecodeString(adminMacaroon)
	must(t, err)
	_, cert := certificate(t, t0())
	good, pem := file("m", string(binary), 0o600), file("c", string(cert), 0o644)
	for _, c := range []struct {
		name, address, cert, macaroon string
		want                          error
	}{
		{"binary", "host:1", pem, good, nil},
		{"in hex", "host", pem, file("h", adminMacaroon+"\n", 0o600), nil},
		{"no address", "", pem, good, ln.ErrSpec},
		{"no certificate there", "host", filepath.Join(dir, "none"), good, os.ErrNotExist},
		{"no macaroon there", "host", pem, filepath.Join(dir, "none"), os.ErrNotExist},
		{"the two swapped", "host", good, pem, ln.ErrCertificate},
		{"a macaroon cut short", "host", pem, file("s", string(binary[:40]), 0o600), ln.ErrDenied},
		{"too big", "host", pem, file("b", strings.Repeat("x", 1<<20), 0o600), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := lnd.Load(c.address, c.cert, c.macaroon)
			if c.name == "too big" {
				if err == nil {
					t.Error("a macaroon of a megabyte is taken")
				}
				return
			}
			if !errors.Is(err, c.want) {
				t.Errorf("Load: %v; want %v", err, c.want)
			}
		})
	}
	if open, err := lnd.Exposed(good); err != nil || open {
		t.Errorf("Exposed(0600) = %v, %v", open, err)
	}
	if open, err := lnd.Exposed(file("o", "x", 0o644)); err != nil || !open {
		t.Errorf("Exposed(0644) = %v, %v", open, err)
	}
}

func FuzzRights(f *testing.F) {
	for _, text := range []string{adminMacaroon, invoicesMacaroon} {
		b, _ := hex.DecodeString(text)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := lnd.ReadRights(b); err == nil && len(r.Allowed) == 0 {
			t.Error("a macaroon for nothing is taken")
		}
	})
}
