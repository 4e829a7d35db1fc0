package chaintest

import (
	"net"
	"strconv"
	"testing"
)

// What is kept is nobody else's, and can be listened at again and again.
func TestKeepPort(t *testing.T) {
	t.Parallel()
	port, free, err := keepPort()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hold(port); err == nil {
		t.Fatal("another call gets what is kept")
	}
	for range 2 {
		l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := hold(port); err == nil {
			t.Fatal("a port is given at which somebody listens")
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	free()
}
