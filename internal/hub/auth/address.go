package auth

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Address is where a caller is, as far as failures are counted for it: an IPv4
// address, the /64 of an IPv6 one, or this machine.
type Address string

const (
	// Local is a caller on this machine that speaks for nobody else.
	Local Address = "local"
	// proxied are callers of a proxy on this machine that does not name them.
	proxied Address = "proxied"
)

// AddressOf says where the caller of r is. A proxy on this machine names its
// callers; of a list, its own word is the last one. Nobody else is believed.
func AddressOf(r *http.Request) Address {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	peer, err := netip.ParseAddr(host)
	if err != nil {
		return Address(host)
	}
	if !peer.IsLoopback() {
		return network(peer)
	}
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Cf-Connecting-Ip"} {
		if list := r.Header.Values(name); len(list) > 0 {
			return named(list[len(list)-1])
		}
	}
	if r.Header.Get("Forwarded") != "" || r.Header.Get("Via") != "" {
		return proxied
	}
	return Local
}

// named is the last address of a header.
func named(list string) Address {
	last := strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
	if ip, err := netip.ParseAddr(last); err == nil {
		return network(ip)
	}
	if port, err := netip.ParseAddrPort(last); err == nil {
		return network(port.Addr())
	}
	return proxied
}

// network is what one caller can be expected to have of the address space.
func network(ip netip.Addr) Address {
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return Address(ip.String())
	}
	return Address(netip.PrefixFrom(ip, 64).Masked().String())
}
