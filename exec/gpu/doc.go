// Package gpu finds the GPUs of this machine, tells what a sandbox needs to
// use one, and gives each to one tenant at a time.
//
//	Host     looks: Detect and Scan read /proc, /sys, /dev and nvidia-smi;
//	         Inject and CDI say what a sandbox gets: device nodes, read-only
//	         driver libraries, environment. Never a hook.
//	Request  is what a user asks for, as docker's --gpus is written.
//	Filter   is what a buyer asks for, such as vram>=24.
//	Book     lends: first come, first served, all or nothing, one tenant a
//	         card, wiped between tenants by a Wiper.
//
// There is no cgo and no dlopen: the program stays one static file. All that
// is read (files, links, what a tool prints) counts as a stranger's text: it
// is bounded, cut and cleaned. A card that cannot be understood or shared
// safely is left out with a reason (Report.Odd) and never spoils the others.
// Cards split by MIG or by AMD's partitions are left out too: a whole card is
// what is rented.
//
// # Numbers
//
// Device.Index is nvidia-smi's own index for NVIDIA, by PCI address; the cards
// of AMD, Intel and Apple follow in that order. A card left out keeps its
// number, so there may be holes. Device.ID is what to keep: it outlives a
// restart.
//
// # Wiping
//
// Nothing a tenant wrote into a card's memory may be read by the next. Three
// things hold that. The kernel drivers clear memory before another process may
// map it (NVIDIA scrubs what it hands out, amdgpu wipes compute buffers when
// they are released, i915 and xe clear what they allocate). The Wiper waits
// until no process holds the card and its memory is back where it was when the
// card was found, so that there is nothing left that was not released. And
// WipeOptions.Reset, off unless the owner allows it, resets an NVIDIA card
// that drives no display, which also clears registers and caches. Without a
// reset the driver's own clearing is what is relied on. A card that does not
// come clean in time is never lent again until Book.Readmit wipes it.
//
// Call Detect when nothing of an earlier run is alive any more (after
// exec.Runner.Recover): the memory in use then is what a clean card is measured
// by.
//
// The package refuses to know what a task, a job or a price is. It is called
// by exec/containerd (Inject), exec/engine (Book) and cmd/infernet.
package gpu
