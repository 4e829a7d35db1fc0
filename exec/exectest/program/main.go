// Command program performs a script of package script inside a container. It
// is built static, by exectest.Layout, and is all there is in the test image.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"infernet.tech/infernet/exec/exectest/script"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		time.Sleep(time.Hour)
	}
	s, err := script.Parse(os.Environ())
	if err == nil {
		err = perform(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "program:", err)
		os.Exit(1)
	}
	os.Exit(s.Exit)
}

func perform(s script.Script) error {
	if s.IgnoreTerm {
		signal.Ignore(syscall.SIGTERM)
	} else {
		end := make(chan os.Signal, 1)
		signal.Notify(end, syscall.SIGTERM)
		go func() {
			<-end
			os.Exit(128 + int(syscall.SIGTERM))
		}()
	}
	if err := print(s); err != nil {
		return err
	}
	if err := write(s); err != nil {
		return err
	}
	if err := flood(os.Stdout, s.Flood); err != nil {
		return err
	}
	eaten := eat(s.Eat)
	if err := fork(s.Fork); err != nil {
		return err
	}
	if s.Serve != "" {
		if err := serve(s.Serve); err != nil {
			return err
		}
	}
	time.Sleep(s.Sleep)
	if len(eaten) > 0 && eaten[len(eaten)-1] == 0 {
		return fmt.Errorf("memory lost")
	}
	return nil
}

// serve answers in the background.
func serve(where string) error {
	network, address := "unix", "/run/engine/http.sock"
	if port, ok := strings.CutPrefix(where, "tcp:"); ok {
		network, address = "tcp", "127.0.0.1:"+port
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	go func() {
		fmt.Fprintln(os.Stderr, "program:", http.Serve(l, script.Handler(os.Exit)))
		os.Exit(1)
	}()
	return nil
}

func print(s script.Script) error {
	if s.Output != "" {
		fmt.Println(s.Output)
	}
	if s.Error != "" {
		fmt.Fprintln(os.Stderr, s.Error)
	}
	files := []string{}
	if s.PrintIn != "" {
		files = append(files, filepath.Join("/in", s.PrintIn))
	}
	if s.Model {
		files = append(files, "/model")
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		fmt.Println(string(raw))
	}
	return nil
}

func write(s script.Script) error {
	if s.FileName != "" {
		name := filepath.Join("/out", s.FileName)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(s.FileContent), 0o600); err != nil {
			return err
		}
	}
	if s.Link != "" {
		if err := os.Symlink("/etc/passwd", filepath.Join("/out", s.Link)); err != nil {
			return err
		}
	}
	if s.Fill == 0 {
		return nil
	}
	f, err := os.Create("/out/fill")
	if err != nil {
		return err
	}
	defer f.Close()
	return flood(f, s.Fill)
}

func flood(w io.Writer, n uint64) error {
	block := make([]byte, 64<<10)
	for i := range block {
		block[i] = 'x'
	}
	for n > 0 {
		k, err := w.Write(block[:min(n, uint64(len(block)))])
		if err != nil {
			return err
		}
		n -= uint64(k)
	}
	return nil
}

// eat touches every page, because memory that is not touched costs nothing.
func eat(n uint64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 1
	}
	return b
}

func fork(n int) error {
	for range n {
		if err := exec.Command("/proc/self/exe", "child").Start(); err != nil {
			return err
		}
	}
	return nil
}
