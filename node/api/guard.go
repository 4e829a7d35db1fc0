package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// guard lets through only requests that come from this machine, name it by a
// loopback name, were not sent by a page of another origin, and carry the
// token: in the header Authorization, or as the path /ollama/TOKEN/… for
// clients that know no token. Those get to prefixed.
func (s *Server) guard(next, prefixed http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.act.begin()
		defer s.act.end()
		given, rest, inPath := pathToken(r.URL.Path)
		e := s.refuse(r)
		switch {
		case e != nil:
		case inPath:
			e = s.check(given)
		default:
			e = s.bearer(r)
		}
		if e != nil {
			if s.b.Face == nil || !s.b.Face.Refuse(w, r, e.status(), e.Message+": "+e.Hint) {
				writeError(w, e)
			}
			return
		}
		if inPath {
			r.URL.Path, r.URL.RawPath, r.RequestURI = rest, "", ""
			prefixed.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// pathToken takes /ollama/TOKEN/rest apart.
func pathToken(path string) (token, rest string, ok bool) {
	path, ok = strings.CutPrefix(path, PathPrefix)
	if !ok {
		return "", "", false
	}
	token, rest, _ = strings.Cut(path, "/")
	return token, "/" + rest, true
}

// PathPrefix begins the paths that carry the token as their next part.
const PathPrefix = "/ollama/"

// refuse returns why a request is served to nobody; nil when a token decides.
func (s *Server) refuse(r *http.Request) *Error {
	if !loopbackAddr(r.RemoteAddr) {
		return Errorf(CodeForbidden, "the local API serves this machine only", "request from %q refused", r.RemoteAddr)
	}
	// A page that rebound its DNS name to 127.0.0.1 still sends its own name here.
	if !loopbackHost(hostOnly(r.Host)) {
		return Errorf(CodeForbidden, "use the address in api.json", "host %q refused", cut(r.Host))
	}
	if o := r.Header.Get("Origin"); o != "" && o != "http://"+r.Host {
		return Errorf(CodeForbidden, "the local API does not serve pages of other sites", "origin %q refused", cut(o))
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return Errorf(CodeForbidden, "the local API does not serve pages of other sites", "%s request refused", cut(site))
	}
	return nil
}

// bearer checks the header Authorization.
func (s *Server) bearer(r *http.Request) *Error {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return Errorf(CodeUnauthorized, "send the header Authorization: Bearer TOKEN; infernet api token prints it", "no token given")
	}
	return s.check(given)
}

// check compares a token with the server's.
func (s *Server) check(given string) *Error {
	// Hashes have one length, so the comparison tells nothing about the token's.
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(s.Token()))
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
		return Errorf(CodeUnauthorized, "infernet api token prints the one of this home; it stays until it is rotated", "wrong token")
	}
	return nil
}

// hostOnly strips the port and the brackets of a Host header.
func hostOnly(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		return h
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
}

// loopbackHost says whether a name can only mean this machine.
func loopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func loopbackAddr(hostport string) bool {
	ap, err := netip.ParseAddrPort(hostport)
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// cut keeps a stranger's text short; callers print it with %q.
func cut(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most]
	}
	return s
}
