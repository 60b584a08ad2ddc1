package main

import (
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/mattn/go-isatty"
	"rsc.io/qr"
)

// lanAddresses are this machine's addresses in its networks, the likeliest first.
func lanAddresses() []string {
	var found []string
	if ip := outward(); ip != "" {
		found = append(found, ip)
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return found
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 || virtual(i.Name) {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addresses {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() && !slices.Contains(found, n.IP.String()) {
				found = append(found, n.IP.String())
			}
		}
	}
	return found
}

// outward is the address from which this machine would reach others. Nothing is
// sent to find it.
func outward() string {
	c, err := net.Dial("udp4", "192.0.2.1:9") //nolint:noctx // it does not wait
	if err != nil {
		return ""
	}
	defer c.Close() //nolint:errcheck // nothing went through it
	if a, ok := c.LocalAddr().(*net.UDPAddr); ok && a.IP.IsGlobalUnicast() {
		return a.IP.String()
	}
	return ""
}

// virtual says whether an interface leads to containers or machines inside this one.
func virtual(name string) bool {
	return slices.ContainsFunc([]string{"docker", "br-", "veth", "virbr", "vmnet", "cni", "flannel"}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

// isTerminal says whether a person reads what is written to w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// qrCode is text as a code that phones read, in half blocks, dark on light
// whatever the colours of the terminal.
func qrCode(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", err
	}
	const margin = 2
	var b strings.Builder
	for y := -margin; y < code.Size+margin; y += 2 {
		b.WriteString("  \x1b[30;107m")
		for x := -margin; x < code.Size+margin; x++ {
			switch upper, lower := code.Black(x, y), code.Black(x, y+1); {
			case upper && lower:
				b.WriteString("█")
			case upper:
				b.WriteString("▀")
			case lower:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String(), nil
}
