//go:build unix

package socketio

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// BenchmarkAcknowledgedEvent measures an event of 1 KB and its acknowledgement,
// both ends in this process, with one or many on their way.
func BenchmarkAcknowledgedEvent(b *testing.B) {
	for _, inFlight := range []int{1, 64} {
		b.Run(fmt.Sprintf("inFlight=%d", inFlight), func(b *testing.B) {
			_, url := testServer(b, ServerOptions{})
			c := runningClient(b, url)
			arg := json.RawMessage(`{"sid":"x","message":{"text":"` + strings.Repeat("x", 1000) + `"}}`)
			slots := make(chan struct{}, inFlight)
			var wg sync.WaitGroup
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				slots <- struct{}{}
				wg.Add(1)
				err := c.Send("length", func([]json.RawMessage, error) { <-slots; wg.Done() }, arg)
				if err != nil {
					b.Fatal(err)
				}
			}
			wg.Wait()
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkIdleConnection measures the memory of a connection that has joined
// and says nothing: heap and stacks of the server and of a bare client, whose
// own share is small.
func BenchmarkIdleConnection(b *testing.B) {
	_, url := testServer(b, ServerOptions{})
	const many = 500
	before := inUse()
	for range many {
		conn := dialBench(b, url)
		b.Cleanup(func() { _ = conn.CloseNow() })
	}
	after := inUse()
	for b.Loop() { //nolint:revive // the metric is the result
	}
	b.ReportMetric(float64(after-before)/many, "bytes/conn")
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

func dialBench(b *testing.B, url string) rawConn {
	b.Helper()
	socket, _, err := websocket.Dial(b.Context(), url+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		b.Fatal(err)
	}
	conn := rawConn{socket}
	if _, _, err := conn.Read(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := conn.Write(b.Context(), 1, []byte(`40/cli,{"token":"good"}`)); err != nil {
		b.Fatal(err)
	}
	if _, _, err := conn.Read(b.Context()); err != nil {
		b.Fatal(err)
	}
	return conn
}

func runningClient(b *testing.B, url string) *Client {
	b.Helper()
	c := NewClient(url, ClientOptions{Namespace: "/cli", Auth: goodToken})
	connected := make(chan struct{}, 1)
	c.OnConnect(func() { connected <- struct{}{} })
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Run(ctx)
	}()
	b.Cleanup(func() { stop(); <-ended })
	<-connected
	return c
}

func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkParsePacket measures the decoder on an event of 1 KB.
func BenchmarkParsePacket(b *testing.B) {
	msg := []byte(`2/cli,["message",{"sid":"s","message":{"role":"agent","text":"` + strings.Repeat("x", 1000) + `"}}]`)
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		p, err := parsePacket(msg)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := p.event(); err != nil {
			b.Fatal(err)
		}
	}
}
