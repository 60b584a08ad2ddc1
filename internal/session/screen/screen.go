// Package screen is the terminal of a session whose agent listens to people at
// the hub: it shows what the agent does and what it asks, and takes the session
// back to the terminal.
package screen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	tea "charm.land/bubbletea/v2"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// Options of a Screen.
type Options struct {
	In, Out *os.File
	Label   string // of the agent
	Dir     string
	// Back says that the agent has an interface of its own for this terminal.
	Back bool
	// Code draws a text as a code that phones read.
	Code func(text string) (string, error)
}

// Wish is what the person at the terminal wants.
type Wish int

// The wishes.
const (
	Nothing Wish = iota // somebody else decided
	Back                // the session, in this terminal
	End                 // of the session
)

// keptLines is how much of the conversation the screen remembers.
const keptLines = 500

// Screen is the terminal of a remote session. Its methods may be called from
// any goroutine, also while it is not shown; nil is a session without a
// terminal.
type Screen struct {
	o       Options
	changed chan struct{} // of one

	mu        sync.Mutex
	link      string
	connected func() bool
	lines     []string
	requests  []agent.PermissionRequest // that wait, the oldest first
	working   bool
	watchers  *wire.Watchers // nil: not known
}

// New makes a Screen. It is blank until Show.
func New(o Options) *Screen { return &Screen{o: o, changed: make(chan struct{}, 1)} }

// Introduce says which session it is, and how to see whether its hub is there.
func (s *Screen) Introduce(link string, connected func() bool) {
	s.change(func() { s.link, s.connected = link, connected })
}

// Row tells of a row of the conversation.
func (s *Screen) Row(content json.RawMessage) {
	if s == nil {
		return
	}
	lines := rowLines(content)
	s.change(func() {
		s.lines = append(s.lines, lines...)
		s.lines = append([]string(nil), s.lines[max(0, len(s.lines)-keptLines):]...)
	})
}

// Working tells whether the agent works.
func (s *Screen) Working(yes bool) { s.change(func() { s.working = yes }) }

// Asked tells of a request that waits for a person.
func (s *Screen) Asked(r agent.PermissionRequest) {
	s.change(func() { s.requests = append(s.requests, r) })
}

// Answered tells that it does not wait any more.
func (s *Screen) Answered(id wire.RequestID) {
	s.change(func() {
		for i, r := range s.requests {
			if r.ID == id {
				s.requests = append(s.requests[:i:i], s.requests[i+1:]...)
				return
			}
		}
	})
}

// Watched tells who watches the session; nil: that is not known.
func (s *Screen) Watched(n *wire.Watchers) {
	if s == nil {
		return
	}
	s.mu.Lock()
	same := s.watchers == n || s.watchers != nil && n != nil && *s.watchers == *n
	s.mu.Unlock()
	if !same {
		s.change(func() { s.watchers = n })
	}
}

func (s *Screen) change(do func()) {
	if s == nil {
		return
	}
	s.mu.Lock()
	do()
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// redraw is the message that something to be seen has changed.
type redraw struct{}

// Show has the terminal until ctx ends or the person wants something. Then the
// terminal is as it was.
func (s *Screen) Show(ctx context.Context) (Wish, error) {
	m := &model{screen: s, left: make(chan struct{})}
	var in io.Reader = s.o.In
	if s.o.Back {
		in = &keys{File: s.o.In, left: m.left}
	}
	p := tea.NewProgram(m, tea.WithInput(in), tea.WithOutput(s.o.Out), tea.WithoutSignalHandler(), tea.WithFPS(20))
	ctx, stop := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		s.follow(ctx, p)
	}()
	_, err := p.Run()
	stop()
	<-told
	if err != nil && !errors.Is(err, tea.ErrInterrupted) {
		return Nothing, fmt.Errorf("show the session in the terminal: %w", err)
	}
	return m.wish, nil
}

// follow tells the program of changes, and to quit when ctx ends.
func (s *Screen) follow(ctx context.Context, p *tea.Program) {
	for {
		select {
		case <-s.changed:
			p.Send(redraw{})
		case <-ctx.Done():
			p.Quit()
			return
		}
	}
}
