// Package terminals runs the shells that people open from their browser in a
// session's directory. A shell lives on while nobody looks and while the hub is
// away, until it is idle for long.
package terminals

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"hapi/internal/wire"
)

// Limits of shells, unless the environment says otherwise.
const (
	defaultMax  = 4
	defaultIdle = 15 * time.Minute
	maxSide     = 1000 // columns or rows
)

// Texts that clients know.
const (
	textNotFound = "Terminal not found."
	textFailed   = "Failed to spawn terminal."
	textIdle     = "Terminal closed due to inactivity."
)

// Options of Terminals.
type Options struct {
	Session wire.SessionID
	Dir     string   // where shells start
	Env     []string // nil is the process's own; secrets are taken out
	// Emit says something to the hub; it fails without a connection.
	Emit func(event string, payload any) error
	// Barrier returns when the hub has taken what was said before.
	Barrier func(ctx context.Context) error
	Logger  *slog.Logger
	// Max is how many shells there may be, Idle how long one may do nothing; 0:
	// as the environment says (HAPI_TERMINAL_MAX_TERMINALS,
	// HAPI_TERMINAL_IDLE_TIMEOUT_MS).
	Max  int
	Idle time.Duration
}

// Terminals are the shells of one session.
type Terminals struct {
	o       Options
	ctx     context.Context // of all shells
	stop    context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex
	open map[string]*terminal
}

// New makes Terminals without any.
func New(o Options) *Terminals {
	if o.Max == 0 {
		o.Max = positive("HAPI_TERMINAL_MAX_TERMINALS", defaultMax)
	}
	if o.Idle == 0 {
		o.Idle = time.Duration(positive("HAPI_TERMINAL_IDLE_TIMEOUT_MS", int(defaultIdle.Milliseconds()))) * time.Millisecond
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	o.Env = environment(o.Env)
	t := &Terminals{o: o, open: map[string]*terminal{}}
	t.ctx, t.stop = context.WithCancel(context.Background())
	return t
}

func positive(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// Events are what the hub may say, by name. The functions do not wait.
func (t *Terminals) Events() map[string]func(payload json.RawMessage) {
	return map[string]func(json.RawMessage){
		wire.EventTerminalOpen:   event(t, t.openOne),
		wire.EventTerminalWrite:  event(t, t.write),
		wire.EventTerminalResize: event(t, t.resize),
		wire.EventTerminalClose:  event(t, t.closeOne),
	}
}

// named is a payload that says whose terminal it is about.
type named interface {
	wire.TerminalOpen | wire.TerminalData | wire.TerminalRef
}

// event reads a payload; what is not for this session is left alone.
func event[P named](t *Terminals, do func(P)) func(json.RawMessage) {
	return func(raw json.RawMessage) {
		var ref wire.TerminalRef
		var in P
		if json.Unmarshal(raw, &ref) != nil || json.Unmarshal(raw, &in) != nil || ref.SessionID != t.o.Session || ref.TerminalID == "" {
			return
		}
		do(in)
	}
}

// openOne opens a shell, or shows one that is open.
func (t *Terminals) openOne(in wire.TerminalOpen) {
	if in.Cols <= 0 || in.Rows <= 0 || in.Cols > maxSide || in.Rows > maxSide {
		t.fail(in.TerminalID, textFailed)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if one := t.open[in.TerminalID]; one != nil {
		one.shell.resize(in.Cols, in.Rows)
		one.do(func() { one.attach() })
		return
	}
	switch {
	case t.ctx.Err() != nil:
		return
	case len(t.open) >= t.o.Max:
		t.fail(in.TerminalID, "Too many terminals open (max "+strconv.Itoa(t.o.Max)+").")
		return
	}
	sh, err := start(t.o.Dir, t.o.Env, in.Cols, in.Rows)
	if err != nil {
		t.o.Logger.Warn("a terminal was not opened", "err", err)
		t.fail(in.TerminalID, failure(err))
		return
	}
	one := newTerminal(t, in.TerminalID, sh)
	t.open[in.TerminalID] = one
	t.say(wire.EventTerminalReady, wire.TerminalRef{SessionID: t.o.Session, TerminalID: one.id})
	t.running.Go(one.run)
}

// write gives a shell what a person typed.
func (t *Terminals) write(in wire.TerminalData) {
	if one := t.find(in.TerminalID); one != nil {
		one.typed(in.Data)
		return
	}
	t.fail(in.TerminalID, textNotFound)
}

func (t *Terminals) resize(in wire.TerminalOpen) {
	one := t.find(in.TerminalID)
	if one == nil || in.Cols <= 0 || in.Rows <= 0 || in.Cols > maxSide || in.Rows > maxSide {
		return
	}
	one.shell.resize(in.Cols, in.Rows)
	one.touched()
}

func (t *Terminals) closeOne(in wire.TerminalRef) {
	if one := t.find(in.TerminalID); one != nil {
		one.close()
	}
}

func (t *Terminals) find(id string) *terminal {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[id]
}

func (t *Terminals) forget(one *terminal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, one.id)
}

// Connected says on a new connection to the hub which shells live, and shows
// them: this hub may be new, or have missed something.
func (t *Terminals) Connected() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, one := range t.open {
		one.do(func() { one.reconnected() })
	}
}

// Close ends all shells and waits for them.
func (t *Terminals) Close() {
	t.stop()
	t.running.Wait()
}

func (t *Terminals) say(event string, payload any) {
	_ = t.o.Emit(event, payload) // what is said without a connection is shown after the next connect
}

func (t *Terminals) fail(id, text string) {
	t.say(wire.EventTerminalError, wire.TerminalError{SessionID: t.o.Session, TerminalID: id, Message: text})
}
