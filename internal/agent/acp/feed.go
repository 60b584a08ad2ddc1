package acp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"
)

const (
	// longestLine is what the connection takes in one line.
	longestLine = 8 << 20
	// pace is how many notifications may wait to be handled; the agent's output
	// stays in its pipe beyond that.
	pace = 256
	// shownGarbage is how much of a bad line a person is shown.
	shownGarbage = 200
)

// feed hands the agent's messages to the connection one by one. It keeps away
// what is no message, and more notifications than are being handled: the
// connection would end over either.
type feed struct {
	lines *bufio.Reader
	log   *slog.Logger
	room  chan struct{} // a token for every notification that waits
	cut   chan struct{} // closed when nobody waits for the rest of an ended agent
	begin chan struct{} // closed when the connection may read

	rest  []byte // of the message being read
	begun bool   // there was a message

	mu     sync.Mutex
	banner string // the first line that was no message
	broken bool   // and one that came among messages
}

func newFeed(output io.Reader, log *slog.Logger) *feed {
	return &feed{lines: bufio.NewReaderSize(output, 64<<10), log: log, room: make(chan struct{}, pace), begin: make(chan struct{}), cut: make(chan struct{})}
}

// handled says that a notification was dealt with.
func (f *feed) handled() {
	select {
	case <-f.room:
	default:
	}
}

// drain waits until all that was read is dealt with; nothing is read any more.
func (f *feed) drain(within time.Duration) {
	patience := time.NewTimer(within)
	defer patience.Stop()
	for range pace {
		select {
		case f.room <- struct{}{}:
		case <-patience.C:
			return
		}
	}
}

var errGarbage = errors.New("the agent wrote something that is no message")

// Read implements io.Reader.
func (f *feed) Read(b []byte) (int, error) {
	<-f.begin
	for len(f.rest) == 0 {
		line, err := f.lines.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := f.take(line); err != nil {
				return 0, err
			}
		}
		if err != nil && len(f.rest) == 0 {
			return 0, err
		}
	}
	n := copy(b, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// take decides about a line.
func (f *feed) take(line []byte) error {
	if !gjson.ValidBytes(line) {
		return f.garbage(line)
	}
	if line[0] != '{' { // a number, a list: nothing anybody waits for
		return nil
	}
	method, id := gjson.GetBytes(line, "method"), gjson.GetBytes(line, "id")
	if method.Exists() && method.Type != gjson.String { // the connection would not hand it on
		return nil
	}
	// The connection deals with its own notifications at once.
	notification := method.Exists() && !id.Exists() && !strings.HasPrefix(method.Str, "$/")
	if len(line) > longestLine {
		if !notification {
			return f.garbage(line)
		}
		f.log.Warn("the agent sent a notification that is too large; it is left out", "method", method.Str, "bytes", len(line))
		return nil
	}
	f.begun = true
	waits := 0
	switch {
	case notification:
		waits = 1
	case method.Exists() && id.Exists():
		// The connection serves requests beside notifications. What the agent said
		// before it asks comes first: all of the room is free then.
		waits = pace
	}
	for range waits {
		select {
		case f.room <- struct{}{}:
		case <-f.cut:
			return io.EOF
		}
	}
	if !notification {
		for range waits {
			f.handled()
		}
	}
	f.rest = append(line, '\n')
	return nil
}

// garbage ends the connection when it comes among messages: one of them may be
// what somebody waits for. Before the first message it is a program's greeting.
func (f *feed) garbage(line []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.banner == "" || f.begun {
		f.banner = string(bytes.ToValidUTF8(line[:min(len(line), shownGarbage)], []byte("�")))
	}
	if !f.begun {
		return nil
	}
	f.broken = true
	return errGarbage
}

// said is the line that was no message, and whether it ended the connection.
func (f *feed) said() (line string, broken bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.banner, f.broken
}

func quote(line string) string { return fmt.Sprintf("%q", line) }
