// Package mirror lets container tools pull images from the network: it is a
// read-only OCI registry on this machine's own address, which brings what is
// asked for from whoever holds it.
//
// It speaks the pull and discovery part of the OCI distribution specification
// 1.1 over plain HTTP. Manifests and layers go out as they came in: a manifest
// is verified each time, a layer when it is first served, and a client that
// asked for what turns out wrong sees its connection broken, not wrong bytes.
//
// # Names
//
//	npub1…/team/app:v1   what the owner of this key calls so, signed by it
//	team/app:v1          what this node calls so, or a publisher it trusts
//	team/app@sha256:…    this digest, from whoever holds it
//
// A name without a tag has the tag latest. As a mirror of another registry it
// is asked for that registry's names: docker.io/library/app:v1 is here
// docker.io/library/app:v1 or app:v1, ghcr.io/team/app:v1 is just that. A tag is
// never taken from a stranger; a digest may be, since it proves itself.
//
// # How tools are told
//
// With the mirror at 127.0.0.1:4590, ask for 127.0.0.1:4590/NAME:
//
//	docker pull 127.0.0.1:4590/team/app:v1
//	nerdctl --insecure-registry pull 127.0.0.1:4590/team/app:v1
//	ctr images pull --plain-http 127.0.0.1:4590/team/app:v1
//
// Docker takes plain HTTP from 127.0.0.0/8 without being told. To have it ask
// here before Docker Hub, put into /etc/docker/daemon.json
//
//	{"registry-mirrors": ["http://127.0.0.1:4590"]}
//
// For containerd, and so for nerdctl, CRI and `ctr --hosts-dir`, a file
// /etc/containerd/certs.d/docker.io/hosts.toml (or …/_default/hosts.toml for
// every registry; certs.d is the config_path of the CRI plugin) with
//
//	[host."http://127.0.0.1:4590"]
//	  capabilities = ["pull", "resolve"]
//
// makes it the first place to look; what is not here is then pulled from the
// registry as before.
//
// What it refuses: to listen on an address that other machines reach, for it
// asks nobody who they are; requests of web pages; pushes; names that are no
// names; more than it has hands for. It decides neither what may be seen nor
// what is paid for it: Images does.
//
// Package node makes one and runs it.
package mirror
