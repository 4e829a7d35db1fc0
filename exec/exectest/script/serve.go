package script

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
)

// Handler is what a script serves:
//
//	GET /hello      the word hello
//	POST /echo      the body
//	GET /endless    bytes, until the caller goes
//	GET /running    how many of those there are now
//	GET /exit?code= ends the program by calling exit
func Handler(exit func(code int)) http.Handler {
	mux := http.NewServeMux()
	var running atomic.Int64
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, r.Body)
	})
	mux.HandleFunc("GET /endless", func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Add(-1)
		block := bytes.Repeat([]byte("x"), 4096)
		for r.Context().Err() == nil {
			if _, err := w.Write(block); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		}
	})
	mux.HandleFunc("GET /running", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, running.Load()) })
	mux.HandleFunc("GET /exit", func(_ http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.FormValue("code"))
		exit(code)
	})
	return mux
}
