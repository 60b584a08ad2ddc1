package api

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/http"
	"strconv"
	"sync"
	"time"

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

// stream writes frames to one client.
type stream struct {
	w       http.ResponseWriter
	conn    *http.ResponseController
	watcher *watcher
	gzip    bool
	sum     uint32 // of everything said so far, for the gzip trailer
	size    uint32
}

// gzipHeader comes before the deflate blocks, which all watchers share.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}

// lastBlock is an empty final deflate block.
var lastBlock = []byte{3, 0}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// open sends the head of the answer and the frame that comes before all others.
func (s *stream) open(first []byte) error {
	s.w.WriteHeader(http.StatusOK)
	if s.gzip {
		if err := s.write(gzipHeader); err != nil {
			return err
		}
	}
	return s.say(first)
}

// follow writes what the subscription has until ctx ends, the reader is gone
// or the ring overtakes it.
func (s *stream) follow(ctx context.Context, sub *events.Subscription) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		beat, cancel := context.WithTimeout(ctx, heartbeatEvery)
		err := s.untilBeat(beat, sub, pause)
		cancel()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if err := s.say(heartbeat(s.watcher.namespace, time.Now())); err != nil {
			return err
		}
	}
}

// untilBeat writes events until the heartbeat is due, which it reports as
// context.DeadlineExceeded.
func (s *stream) untilBeat(beat context.Context, sub *events.Subscription, pause *time.Timer) error {
	for beat.Err() == nil {
		blocks, err := sub.Next(beat)
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
		pause.Reset(gatherFor)
		select {
		case <-pause.C:
		case <-beat.Done():
		}
	}
	return beat.Err()
}

// sendBlocks writes a batch of events in one go.
func (s *stream) sendBlocks(blocks []*events.Block) error {
	buf := buffers.Get().(*[]byte)
	b := (*buf)[:0]
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
			b = b[:0]
		}
	}
	return s.send(b)
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

// end closes the compressed form; a plain stream just ends.
func (s *stream) end() {
	if !s.gzip {
		return
	}
	b := append(make([]byte, 0, 10), lastBlock...)
	b = binary.LittleEndian.AppendUint32(b, s.sum)
	b = binary.LittleEndian.AppendUint32(b, s.size)
	_ = s.send(b) // the reader may be gone already
}

func (s *stream) count(frame []byte) {
	s.sum = crc32.Update(s.sum, crc32.IEEETable, frame)
	s.size += uint32(len(frame)) // modulo 2³², as the trailer wants it
}

// send writes b and hands it to the network.
func (s *stream) send(b []byte) error {
	if err := s.write(b); err != nil {
		return err
	}
	s.watcher.writing.Store(time.Now().UnixNano())
	defer s.watcher.writing.Store(0)
	return s.conn.Flush()
}

// write writes b piece by piece; the reader has stuckAfter for each.
func (s *stream) write(b []byte) error {
	defer s.watcher.writing.Store(0)
	for {
		now := time.Now()
		s.watcher.writing.Store(now.UnixNano())
		if err := s.conn.SetWriteDeadline(now.Add(stuckAfter)); err != nil {
			return err
		}
		piece := b[:min(len(b), pieceSize)]
		if _, err := s.w.Write(piece); err != nil {
			return err
		}
		if b = b[len(piece):]; len(b) == 0 {
			return nil
		}
	}
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
