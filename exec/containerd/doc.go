// Package containerd runs tasks in containers, on Linux, through a containerd
// of its own or one that is given. It is the real exec.Runner.
//
// By default Runner.Run starts a private containerd with its own root, state
// and socket, nothing in it but what running a task needs, and starts it anew
// when it dies. The programs come from the module in the folder runtime and
// lie beside the node's own. If the node is killed, the kernel kills the
// daemon; what outlives both (shims, containers, mounts, cgroups) the next
// Run or Recover finds by the names this package gave it, and removes.
//
// What a stranger's program may do is decided in one function, newSpec, in
// spec.go. Images are unpacked by exec/image into plain read-only folders, one
// for each, so that starting a task costs no snapshot and no copy.
//
// /out is a file system of exactly the size granted: in memory up to
// Config.OutInMemory, and then the task's memory limit is raised by as much,
// so that the result does not eat from what the program was promised; a sparse
// file on disk beyond that. When the task has ended it is copied to Task.Out
// under caps on bytes and entries, regular files and folders only.
//
// A task that serves on a socket has a tiny file system of its own at
// /run/engine; one that serves on a port is reached by making a socket in its
// network namespace, for which there is no bridge and no address. Both times
// the task is treated as one who wants us to connect to something else.
//
// GPUs come by what Config.Inject says of them: device nodes, made for the one
// task and allowed to it alone by its cgroup, read-only files, and variables.
//
// The package refuses to run anything without a user namespace, seccomp and
// cgroups, to give a task a network, to run hooks, and to pull images. It needs root. It is
// called by node. On other systems than Linux, New fails.
package containerd
