// Package alone is for verbs that run containers and need no node: a temporary
// folder for one process of a user at a time, and a private containerd in it,
// of the same programs and settings as a provider's.
//
// The folder is always the same, so that a run finds what a killed one left:
// it is swept of processes, cgroups, mounts and files before it is used, and
// again afterwards. The package refuses a folder that another user could have
// put there, and to share one. It is called by node/bench and node/imagetest.
package alone
