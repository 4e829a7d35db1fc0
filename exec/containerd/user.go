//go:build linux

package containerd

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"infernet.tech/infernet/exec"
)

// imageUser turns the User of an image config ("", "1000", "1000:1000",
// "name", "name:group") into ids, reading names from the image's own files.
func imageUser(rootfs, user string) (uid, gid uint32, err error) {
	if user == "" {
		return 0, 0, nil
	}
	name, group, hasGroup := strings.Cut(user, ":")
	uid, numErr := parseID(name)
	if numErr != nil {
		line, err := lookup(rootfs, "etc/passwd", name, 4)
		if err != nil {
			return 0, 0, err
		}
		if uid, err = parseID(line[2]); err != nil {
			return 0, 0, err
		}
		if gid, err = parseID(line[3]); err != nil {
			return 0, 0, err
		}
	}
	if !hasGroup {
		return uid, gid, nil
	}
	if gid, err = parseID(group); err == nil {
		return uid, gid, nil
	}
	line, err := lookup(rootfs, "etc/group", group, 3)
	if err != nil {
		return 0, 0, err
	}
	gid, err = parseID(line[2])
	return uid, gid, err
}

func parseID(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n >= idRange {
		return 0, fmt.Errorf("%w: user id %.40q", exec.ErrImage, s)
	}
	return uint32(n), nil
}

// lookup finds the line of a name in a file of the image. It reads through
// os.Root: the file may be a link to anywhere.
func lookup(rootfs, file, name string, fields int) ([]string, error) {
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%w: user %.40q: %w", exec.ErrImage, name, err)
	}
	defer f.Close()
	for sc := bufio.NewScanner(io.LimitReader(f, 1<<20)); sc.Scan(); {
		if line := strings.Split(sc.Text(), ":"); line[0] == name && len(line) >= fields {
			return line, nil
		}
	}
	return nil, fmt.Errorf("%w: no user or group %.40q in the image", exec.ErrImage, name)
}
