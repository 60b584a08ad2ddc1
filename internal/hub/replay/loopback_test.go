package replay_test

import (
	"io"
	"net"
	"sync"
)

// loopback is a listener whose connections are pipes in this process. Nothing
// waits for the network, so a test's clock runs as soon as everybody waits.
type loopback struct {
	accepted chan net.Conn
	closed   chan struct{}
	close    func()
}

func newLoopback() *loopback {
	l := &loopback{accepted: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	return l
}

func (l *loopback) dial() (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.accepted <- addressed{far}:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *loopback) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case <-l.closed:
		return nil, io.EOF
	}
}

func (l *loopback) Close() error {
	l.close()
	return nil
}

func (l *loopback) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3006} }

// addressed is a pipe whose far end has an address as a peer on loopback has.
type addressed struct{ net.Conn }

func (addressed) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000} }
