package webpush

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// Endpoints are URLs that clients choose, so the hub calls none that could be
// somebody's inside: https only, public addresses only, and no redirects.

// ErrEndpoint refuses an endpoint.
var ErrEndpoint = errors.New("the endpoint is not an https URL of a public address")

// CheckEndpoint refuses an endpoint that the hub would never send to, as far as
// its text tells; the address behind a name is checked at each connection.
func CheckEndpoint(endpoint string, allowPrivate bool) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return ErrEndpoint
	}
	address, isAddress := literal(u.Hostname())
	switch {
	case u.Scheme == "http" && (!allowPrivate || !isAddress || !address.IsLoopback()):
		return ErrEndpoint
	case u.Scheme != "http" && u.Scheme != "https":
		return ErrEndpoint
	case isAddress && !allowPrivate && !public(address):
		return ErrEndpoint
	}
	return nil
}

func literal(host string) (netip.Addr, bool) {
	if host == "localhost" {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), true
	}
	address, err := netip.ParseAddr(host)
	return address, err == nil
}

// inside are the networks that are nobody's public address, besides those that
// netip knows by name.
var inside = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(list ...string) (out []netip.Prefix) {
	for _, text := range list {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// public says whether an address is one of the internet's. IPv6 addresses that
// carry an IPv4 one are not: they could carry any.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	for _, p := range inside {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// newClient makes a client with few connections to each service and no redirects.
func newClient(allowPrivate bool) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	transport := &http.Transport{
		DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		MaxConnsPerHost: 8, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: 64 << 10,
	}
	if allowPrivate {
		transport.Proxy = http.ProxyFromEnvironment // which usually has a private address
	} else {
		dialer.Control = onlyPublic // after names were looked up, so that no name can change its mind
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func onlyPublic(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !public(to.Addr()) {
		return ErrEndpoint
	}
	return nil
}

// failure judges a request that got no answer.
func failure(err error) Result {
	if errors.Is(err, ErrEndpoint) {
		return Result{Outcome: Refused, Err: ErrEndpoint}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("the push service did not answer in time")
	}
	return Result{Outcome: Failed, Err: fmt.Errorf("reach the push service: %w", withoutURL(err))}
}

// withoutURL drops the endpoint from an error: whoever knows it could send.
func withoutURL(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
