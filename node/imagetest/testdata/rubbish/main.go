// Command rubbish is an engine that keeps no contract. RUBBISH says how: "page"
// answers everything with a web page, "crash" is healthy and ends at the first
// other request, "noise" speaks no HTTP.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
)

func main() {
	l, err := net.Listen("unix", os.Getenv("INFERNET_SOCKET"))
	if err != nil {
		panic(err)
	}
	how := os.Getenv("RUBBISH")
	if how == "noise" {
		for {
			c, err := l.Accept()
			if err != nil {
				panic(err)
			}
			fmt.Fprint(c, "\x1b[2Jnoise\r\n\r\n")
			c.Close()
		}
	}
	panic(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if how == "crash" && r.URL.Path != "/health" {
			fmt.Fprintln(os.Stderr, "model \x1b[2J is cursed")
			os.Exit(5)
		}
		fmt.Fprint(w, "<html>\x1b[2J hello</html>")
	})))
}
