package api

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"hapi/internal/hub/auth"
	"hapi/internal/hub/events"
	"hapi/internal/wire"
)

const (
	// heartbeatEvery keeps proxies and clients sure of the stream; clients
	// give up after 90 s without a frame.
	heartbeatEvery = 30 * time.Second
	// gatherFor is the pause after a write before the next one. What is said
	// meanwhile leaves in one write: a burst of hundreds of events costs a few
	// system calls for each watcher, and nobody sees 3 ms. An event after a
	// quiet time goes at once.
	gatherFor = 3 * time.Millisecond
	// stuckAfter is how long a reader may leave one piece unread before it is
	// dropped; it resumes from its cursor.
	stuckAfter = 30 * time.Second
	// pieceSize is what a reader must take within stuckAfter; a phone on a
	// poor line takes it in a few seconds.
	pieceSize = 64 << 10
	// keptBuffer is the largest buffer worth keeping between batches.
	keptBuffer = 256 << 10
)

// stream writes frames to one client, on the connection of its request: the
// request itself, with its buffers and what its handling made of the stack, is
// not kept as long as the stream.
type stream struct {
	conn    net.Conn
	chunked bool // as HTTP/1.1 wants an answer of unknown length
	watcher *watcher
	gzip    bool
	sum     uint32 // of everything said so far, for the gzip trailer
	size    uint32

	beat    *time.Timer
	beatDue atomic.Bool
	ended   atomic.Pointer[string] // why somebody else ended it
	reading sync.WaitGroup
	stop    []func() bool // who waits for its end
}

// gzipHeader comes before the deflate blocks, which all watchers share.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}

// lastBlock is an empty final deflate block.
var lastBlock = []byte{3, 0}

// lastChunk ends a chunked answer.
var lastChunk = []byte("0\r\n\r\n")

// chunkRoom is what pieces keep free in front, for their length as a chunk.
const chunkRoom = len("ffffffff\r\n")

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// takeOver sends the head of the answer and takes the connection.
func takeOver(w http.ResponseWriter, r *http.Request, watcher *watcher, gzip bool) (*stream, error) {
	w.WriteHeader(http.StatusOK)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	watcher.cut = func() { _ = conn.Close() }
	return &stream{conn: conn, chunked: r.ProtoAtLeast(1, 1), watcher: watcher, gzip: gzip}, nil
}

// follow holds a stream until its reader is gone, the ring overtakes it, its
// token or the access token behind it runs out, or the hub stops.
func (a *API) follow(s *stream, caller auth.Identity, missed missed) {
	s.beat = time.AfterFunc(heartbeatEvery, func() {
		s.beatDue.Store(true)
		s.watcher.sub.Call()
	})
	s.stop = []func() bool{s.beat.Stop, caller.Ended(func() { s.end("access token ended") })}
	if expires := caller.Expires; !expires.IsZero() {
		expiry := time.AfterFunc(time.Until(expires), func() { s.end("session token expired") })
		s.stop = append(s.stop, expiry.Stop)
	}
	s.reading.Go(s.awaitLeaving)
	a.step(s, func() error { return s.open(missed) })
}

// step does a part of the stream's work on a goroutine of its own, then the
// next one: from heartbeat to heartbeat. So what a burst of events made of the
// stack is not kept while nothing happens.
func (a *API) step(s *stream, part func() error) {
	go func() {
		err := a.survive(s, part)
		if err == nil {
			a.step(s, s.untilBeat)
			return
		}
		a.finish(s, err)
	}()
}

// survive makes an error of a panic: it ends this stream and nothing else.
func (a *API) survive(s *stream, part func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			a.panics.Add(1)
			a.log.Error("event stream panicked", "subscription", s.watcher.id, "panic", fault, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", fault)
		}
	}()
	return part()
}

// finish ends the stream for everybody.
func (a *API) finish(s *stream, err error) {
	for _, stop := range s.stop {
		stop()
	}
	if errors.Is(err, events.ErrClosed) || errors.Is(err, events.ErrGap) {
		s.close() // the reader may still be there
	}
	s.watcher.sub.Close()
	_ = s.conn.Close()
	s.reading.Wait()
	if why := s.ended.Load(); why != nil {
		err = errors.New(*why)
	}
	a.log.Debug("event stream ended", "subscription", s.watcher.id, "cause", err)
	a.watchers.remove(s.watcher)
}

// end ends the stream from outside.
func (s *stream) end(why string) {
	s.ended.CompareAndSwap(nil, &why)
	s.watcher.sub.Close()
}

// awaitLeaving ends the stream when its reader goes. It has nothing to say.
func (s *stream) awaitLeaving() {
	var b [16]byte
	for {
		if _, err := s.conn.Read(b[:]); err != nil {
			s.end("reader left")
			return
		}
	}
}

// open sends what comes before all events.
func (s *stream) open(missed missed) error {
	if s.gzip {
		if err := s.send(gzipHeader); err != nil {
			return err
		}
	}
	if err := s.say(handshake(s.watcher.id, missed.resumed)); err != nil || len(missed.frames) == 0 {
		return err
	}
	return s.say(missed.frames)
}

// untilBeat writes what the subscription has, and a heartbeat when that is due.
func (s *stream) untilBeat() error {
	for {
		blocks, err := s.watcher.sub.Next(context.Background())
		if err != nil {
			return err
		}
		if len(blocks) > 0 {
			if err := s.sendBlocks(blocks); err != nil {
				return err
			}
		}
		if err := s.sayToasts(); err != nil {
			return err
		}
		if s.beatDue.CompareAndSwap(true, false) {
			s.beat.Reset(heartbeatEvery)
			return s.say(heartbeat(s.watcher.namespace, time.Now()))
		}
		time.Sleep(gatherFor)
	}
}

// sendBlocks writes a batch of events in one go.
func (s *stream) sendBlocks(blocks []*events.Block) error {
	buf := buffers.Get().(*[]byte)
	b := append((*buf)[:0], make([]byte, chunkRoom)...)
	defer func() {
		if cap(b) <= keptBuffer {
			*buf = b
			buffers.Put(buf)
		}
	}()
	for _, block := range blocks {
		frame := block.Frame()
		if s.gzip {
			s.count(frame)
			b = append(b, block.Deflated()...)
		} else {
			b = append(b, frame...)
		}
		if len(b) >= pieceSize {
			if err := s.write(b); err != nil {
				return err
			}
			b = b[:chunkRoom]
		}
	}
	return s.write(b)
}

// say writes frames that are for this watcher alone.
func (s *stream) say(frames []byte) error {
	if !s.gzip {
		return s.send(frames)
	}
	s.count(frames)
	return s.send(events.Deflate(frames))
}

// sayToasts writes what waits for the person who sees this client. Nothing of
// it moves the client's cursor.
func (s *stream) sayToasts() error {
	var err error
	for _, t := range s.watcher.toasts.take() {
		if err == nil {
			err = s.say(t.frame)
		}
		t.written(err == nil)
	}
	return err
}

// close says that the stream ends here and was not cut.
func (s *stream) close() {
	if s.gzip {
		b := append(make([]byte, 0, 10), lastBlock...)
		b = binary.LittleEndian.AppendUint32(b, s.sum)
		b = binary.LittleEndian.AppendUint32(b, s.size)
		if s.send(b) != nil {
			return // the reader is gone already
		}
	}
	if s.chunked {
		_ = s.hand(lastChunk)
	}
}

func (s *stream) count(frame []byte) {
	s.sum = crc32.Update(s.sum, crc32.IEEETable, frame)
	s.size += uint32(len(frame)) // modulo 2³², as the trailer wants it
}

func (s *stream) send(b []byte) error {
	return s.write(append(make([]byte, chunkRoom, chunkRoom+len(b)+2), b...))
}

// write writes what is in b behind the room for its length.
func (s *stream) write(b []byte) error {
	size := len(b) - chunkRoom
	if size == 0 { // as a chunk it would be the last
		return nil
	}
	if !s.chunked {
		return s.hand(b[chunkRoom:])
	}
	var length [chunkRoom]byte
	line := append(strconv.AppendInt(length[:0], int64(size), 16), '\r', '\n')
	b = b[chunkRoom-len(line):]
	copy(b, line)
	return s.hand(append(b, '\r', '\n'))
}

// hand hands b to the network piece by piece; the reader has stuckAfter for each.
func (s *stream) hand(b []byte) error {
	defer s.watcher.writing.Store(0)
	for len(b) > 0 {
		now := time.Now()
		s.watcher.writing.Store(now.UnixNano())
		if err := s.conn.SetWriteDeadline(now.Add(stuckAfter)); err != nil {
			return err
		}
		n, err := s.conn.Write(b[:min(len(b), pieceSize)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// appendFrame appends an event as server-sent text. Only events that can be
// resumed from carry an id.
func appendFrame(b, event []byte, id string) []byte {
	b = append(b, "data: "...)
	b = append(b, event...)
	if id != "" {
		b = append(b, "\nid: "...)
		b = append(b, id...)
	}
	return append(b, "\n\n"...)
}

func heartbeat(ns wire.Namespace, now time.Time) []byte {
	b := append([]byte(nil), `{"type":"heartbeat","namespace":`...)
	b = wire.AppendString(b, string(ns))
	b = append(b, `,"data":{"timestamp":`...)
	b = strconv.AppendInt(b, int64(wire.At(now)), 10)
	return appendFrame(nil, append(b, "}}"...), "")
}

func handshake(subscription string, resumed bool) []byte {
	resume := "gap"
	if resumed {
		resume = "ok"
	}
	return appendFrame(nil, []byte(`{"type":"connection-changed","data":{"status":"connected","subscriptionId":"`+
		subscription+`","resume":"`+resume+`"}}`), "")
}
