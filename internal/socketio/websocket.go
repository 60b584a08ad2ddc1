package socketio

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// compressFrom is the size of a message below which compression saves no packet.
const compressFrom = 1 << 10

// socketCarrier carries packets over a websocket. It has a writing goroutine
// only while there is something to write.
type socketCarrier struct {
	conn    *websocket.Conn
	out     *gatherer     // nil on the client's side
	in      *bufio.Reader // what conn reads from; nil on the client's side
	limit   int64
	writing bool // guarded by the engine's lock

	mu     sync.Mutex
	ending bool // closing reads what is in
}

func (c *socketCarrier) wake(e *engine) {
	if !c.writing {
		c.writing = true
		e.running.Go(func() { c.drain(e) })
	}
}

func (c *socketCarrier) idle(*engine) bool { return !c.writing }

// drain writes until the queue is empty.
func (c *socketCarrier) drain(e *engine) {
	for {
		e.mu.Lock()
		batch := e.take()
		if len(batch) == 0 {
			c.writing = false
			e.mu.Unlock()
			return
		}
		e.mu.Unlock()
		if err := c.write(batch); err != nil {
			e.close("transport error", abrupt)
			return
		}
		e.sent(batch)
	}
}

// write writes packets, as few system calls as possible.
func (c *socketCarrier) write(batch [][]byte) error {
	if c.out != nil {
		c.out.hold()
	}
	for _, b := range batch {
		if err := c.conn.Write(context.Background(), websocket.MessageText, b); err != nil {
			return err
		}
	}
	if c.out != nil {
		return c.out.release()
	}
	return nil
}

func (c *socketCarrier) end(how farewell) {
	c.mu.Lock()
	c.ending = true
	c.mu.Unlock()
	if how == polite {
		_ = c.conn.Close(websocket.StatusNormalClosure, "") // waits for the peer's, a few seconds at most
	}
	_ = c.conn.CloseNow()
}

var readBuffers = sync.Pool{New: func() any { return new(readBuffer) }}

type readBuffer struct{ b []byte }

// keptBuffer is the largest buffer worth keeping.
const keptBuffer = 64 << 10

// read waits for the next packet. Only then does it take a buffer: an idle
// connection holds none.
func (c *socketCarrier) read(ctx context.Context) ([]byte, error) {
	if c.drained() {
		if err := c.out.in.wait(); err != nil {
			return nil, err
		}
	}
	kind, r, err := c.conn.Reader(ctx)
	if err != nil {
		return nil, err
	}
	if kind != websocket.MessageText {
		return nil, errViolation
	}
	buf := readBuffers.Get().(*readBuffer)
	defer func() {
		if cap(buf.b) <= keptBuffer {
			readBuffers.Put(buf)
		}
	}()
	if buf.b, err = readAll(r, buf.b[:0]); err != nil {
		return nil, err
	}
	return append(make([]byte, 0, len(buf.b)), buf.b...), nil
}

// drained says whether all that was read from the connection has been taken, so
// that there is nothing to do but wait.
func (c *socketCarrier) drained() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.in != nil && !c.ending && c.in.Buffered() == 0
}

func readAll(r io.Reader, b []byte) ([]byte, error) {
	if cap(b) == 0 {
		b = make([]byte, 0, 4096)
	}
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

// readInto handles what the peer sends until the connection ends.
func (c *socketCarrier) readInto(ctx context.Context, e *engine) {
	for c.readToBeat(ctx, e) {
	}
}

// readToBeat handles what the peer sends up to its next heartbeat. It says
// whether the connection goes on.
func (c *socketCarrier) readToBeat(ctx context.Context, e *engine) bool {
	for {
		b, err := c.read(ctx)
		if err == nil {
			err = e.receive(b)
		}
		switch {
		case err == nil:
			if b[0] == enginePing || b[0] == enginePong {
				return true
			}
		case errors.Is(err, errViolation), errors.Is(err, errPacket):
			e.close("parse error", polite)
			return false
		default:
			e.close("transport close", abrupt)
			return false
		}
	}
}

// gatherer is a network connection that can hold back what is written, so that
// many frames leave in one system call.
type gatherer struct {
	net.Conn
	in   burstReader
	mu   sync.Mutex
	held bool
	buf  []byte
}

func (g *gatherer) Read(b []byte) (int, error) { return g.in.Read(b) }

// gatherMost is how much is held back at most.
const gatherMost = 64 << 10

func (g *gatherer) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = true
}

func (g *gatherer) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.held {
		return g.Conn.Write(b)
	}
	if len(g.buf)+len(b) > gatherMost {
		if err := g.flush(); err != nil {
			return 0, err
		}
	}
	if len(b) > gatherMost {
		return g.Conn.Write(b)
	}
	g.buf = append(g.buf, b...)
	return len(b), nil
}

func (g *gatherer) release() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = false
	err := g.flush()
	if cap(g.buf) > 4<<10 {
		g.buf = nil
	}
	return err
}

func (g *gatherer) flush() error {
	if len(g.buf) == 0 {
		return nil
	}
	_, err := g.Conn.Write(g.buf)
	g.buf = g.buf[:0]
	return err
}

// gathering is a ResponseWriter whose connection, once taken over, gathers.
type gathering struct {
	http.ResponseWriter
	out *gatherer
	in  *bufio.Reader
}

// Hijack takes the connection over, without the deadlines of requests.
func (g *gathering) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(g.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, nil, err
	}
	if err := rw.Flush(); err != nil {
		return nil, nil, err
	}
	early, err := rw.Reader.Peek(rw.Reader.Buffered())
	if err != nil {
		return nil, nil, err
	}
	g.out = &gatherer{Conn: conn, in: burstReader{from: conn, turn: make(chan struct{}, 1), buf: slices.Clone(early)}}
	g.in = bufio.NewReaderSize(g.out, frameBuffer)
	return g.out, bufio.NewReadWriter(g.in, bufio.NewWriterSize(g.out, frameBuffer)), nil
}

// frameBuffer holds the frames of an idle connection: pings and beats.
const frameBuffer = 256

// burstReader reads much at once while much comes, and holds no buffer while
// nothing comes.
type burstReader struct {
	from  io.Reader
	turn  chan struct{} // of one: closing politely reads too
	buf   []byte        // read, and not yet taken
	whole []byte        // buf's array, if it is of the pool
	more  bool          // the last read filled its buffer: more is likely there
	first [16]byte
}

// wait waits until there is something to read. An idle connection waits here,
// with a stack of a few frames that the collector can shrink.
func (r *burstReader) wait() error {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	if len(r.buf) > 0 || r.more {
		return nil
	}
	n, err := r.from.Read(r.first[:])
	r.buf, r.more = r.first[:n], n == len(r.first)
	if n > 0 {
		return nil
	}
	return err
}

const burstBuffer = 16 << 10

var bursts = sync.Pool{New: func() any { return new([burstBuffer]byte) }}

func (r *burstReader) Read(b []byte) (int, error) {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	if len(r.buf) == 0 && r.more && len(b) < burstBuffer {
		array := bursts.Get().(*[burstBuffer]byte)
		n, err := r.from.Read(array[:])
		r.buf, r.whole, r.more = array[:n], array[:], n == burstBuffer
		if err != nil {
			return r.take(b), err
		}
	}
	if len(r.buf) > 0 {
		return r.take(b), nil
	}
	n, err := r.from.Read(b)
	r.more = n == len(b)
	return n, err
}

func (r *burstReader) take(b []byte) int {
	n := copy(b, r.buf)
	r.buf = r.buf[n:]
	if len(r.buf) == 0 && r.whole != nil {
		bursts.Put((*[burstBuffer]byte)(r.whole))
		r.whole = nil
	}
	return n
}

// accept makes a websocket of a request.
func accept(w http.ResponseWriter, r *http.Request, limit int64) (*socketCarrier, error) {
	g := &gathering{ResponseWriter: w}
	conn, err := websocket.Accept(g, r, &websocket.AcceptOptions{
		InsecureSkipVerify:   true, // origins are checked for every transport, before
		CompressionMode:      websocket.CompressionNoContextTakeover,
		CompressionThreshold: compressFrom,
	})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(limit)
	return &socketCarrier{conn: conn, out: g.out, in: g.in, limit: limit}, nil
}
