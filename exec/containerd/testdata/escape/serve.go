package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	folder = "/run/engine"
	place  = folder + "/http.sock"
)

// tricks put something else than a served socket where one should be.
var tricks = map[string]func() error{
	"symlink":  func() error { return os.Symlink(os.Getenv("HOST_SOCKET"), place) },
	"dangling": func() error { return os.Symlink("/nowhere", place) },
	"loop":     func() error { return os.Symlink("http.sock", place) },
	"fifo":     func() error { return unix.Mkfifo(place, 0o666) },
	"file":     func() error { return os.WriteFile(place, []byte("no socket"), 0o666) },
	"folder":   func() error { return os.Mkdir(place, 0o777) },
	"datagram": func() error {
		_, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: place, Net: "unixgram"})
		return err
	},
	"stale": func() error {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: place, Net: "unix"})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false)
		return l.Close()
	},
	"device":   func() error { return denied(unix.Mknod(place, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3)))) },
	"full":     fillEngine,
	"deaf":     func() error { return deaf(unix.AF_UNIX, &unix.SockaddrUnix{Name: place}) },
	"deaf-tcp": func() error { return deaf(unix.AF_INET, &unix.SockaddrInet4{Port: 8080}) },
	"swap":     func() error { go swap(); return nil },
	"endless":  func() error { return endless("unix", place) },
}

// trick does one of them and stays.
func trick(name string) {
	check(tricks[name]())
	fmt.Println("up")
	time.Sleep(time.Hour)
}

func denied(err error) error {
	if err == nil {
		return errors.New("allowed")
	}
	return nil
}

// fillEngine takes all that the folder has to give.
func fillEngine() error {
	files := 0
	for ; ; files++ {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprint(files)), nil, 0o600); err != nil {
			break
		}
		if files > 1000 {
			return errors.New("no end of files")
		}
	}
	check(os.Remove(filepath.Join(folder, "0")))
	size := fillTo(folder)
	_, err := net.Listen("unix", place)
	fmt.Printf("%d files, %d bytes, %v\n", files, size, err)
	return nil
}

// deaf listens with room for next to nobody, and never accepts.
func deaf(family int, at unix.Sockaddr) error {
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if err := unix.Bind(fd, at); err != nil {
		return err
	}
	return unix.Listen(fd, 1)
}

// swap puts a socket and a link to the host's in turns, as fast as it can.
func swap() {
	l, err := net.Listen("unix", folder+"/real")
	check(err)
	go func() {
		for {
			if c, err := l.Accept(); err == nil {
				c.Close()
			}
		}
	}()
	for {
		check(os.Symlink(os.Getenv("HOST_SOCKET"), folder+"/link"))
		check(os.Rename(folder+"/link", place))
		check(os.Link(folder+"/real", folder+"/hard"))
		check(os.Rename(folder+"/hard", place))
	}
}

func endless(network, address string) error {
	l, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				for block := make([]byte, 1<<20); err == nil; {
					_, err = c.Write(block)
				}
				c.Close()
			}()
		}
	}()
	return nil
}

// devices says of each path whether it opens, and what it is.
func devices(paths []string) {
	for _, p := range paths {
		var st unix.Stat_t
		err := unix.Stat(p, &st)
		if err == nil {
			err = openFor(p)
		}
		fmt.Printf("%s: %v, %#o %d:%d of %d\n", p, err, st.Mode, unix.Major(st.Rdev), unix.Minor(st.Rdev), st.Uid)
	}
}
