// Package rig brings up a Lightning network of real programs on this machine: a
// btcd that mines on demand, on simnet, and lnd nodes with channels between them.
//
// The programs are those of "make money-tools", found by Find. They listen on
// loopback only, on ports that were free, keep all they have in one folder, and
// end with Close or, on Linux, with the process that started them, however that
// ends. Any of them can be killed without warning and started again.
//
// It is for trials and tests: the wallets have no seed backup, and coins are
// worth nothing. Tests of the drivers and of the rail, and the networks of
// "infernet testnet", call it.
package rig
