package terminals

import (
	"context"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"hapi/internal/wire"
)

const (
	// frameEvery is the shortest time between two frames of output, frameMost
	// the largest frame.
	frameEvery = 16 * time.Millisecond
	frameMost  = 32 << 10
	// ahead is how much output may be on its way to the hub. A shell that says
	// more waits, and does not flood what carries everything else.
	ahead         = 256 << 10
	barrierWithin = 30 * time.Second
	// inputs is how many pieces of input may wait for a shell that does not read;
	// further ones are dropped, as a full terminal does.
	inputs = 256
)

// terminal is one shell and what was seen of it. Its fields belong to run.
type terminal struct {
	t     *Terminals
	id    string
	shell *shell

	orders chan func() // done by run, in order
	touch  chan struct{}
	input  chan []byte
	ended  chan struct{} // closed when run is at its end
	closed atomic.Bool   // somebody wants it closed: its end is not told

	screen   screen
	fresh    bool // nobody was shown the screen on this connection
	unproven int  // bytes said since the last barrier
}

func newTerminal(t *Terminals, id string, s *shell) *terminal {
	return &terminal{
		t: t, id: id, shell: s, orders: make(chan func(), 16), touch: make(chan struct{}, 1), input: make(chan []byte, inputs), ended: make(chan struct{}),
	}
}

// do has run do something. It does not wait.
func (one *terminal) do(order func()) {
	select {
	case one.orders <- order:
	case <-one.ended:
	default: // it has more to do than anybody can want
	}
}

// touched says that the shell is used.
func (one *terminal) touched() {
	select {
	case one.touch <- struct{}{}:
	default:
	}
}

func (one *terminal) typed(data string) {
	select {
	case one.input <- []byte(data):
	default:
	}
}

func (one *terminal) close() {
	one.closed.Store(true)
	one.shell.hangUp()
}

// run is the shell's life.
func (one *terminal) run() {
	output := make(chan []byte)
	one.t.running.Go(one.shell.reap)
	one.t.running.Go(func() { one.read(output) })
	one.t.running.Go(one.feed)
	one.loop(output)
	one.t.forget(one)
	close(one.ended)
	for range output { // until read has ended
	}
	<-one.shell.done
	if exit := one.shell.exit; !one.closed.Load() {
		one.t.say(wire.EventTerminalExit, wire.TerminalExit{SessionID: one.t.o.Session, TerminalID: one.id, Code: exit.code, Signal: exit.signal})
	}
}

// loop passes output on, and returns when the shell has ended or is to.
func (one *terminal) loop(output <-chan []byte) {
	idle := time.NewTimer(one.t.o.Idle)
	defer idle.Stop()
	pulse := time.NewTicker(max(min(one.t.o.Idle/3, wire.TerminalBusyEvery), time.Millisecond))
	defer pulse.Stop()
	var frame []byte
	var last time.Time
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		more := output
		if len(frame) >= frameMost {
			more = nil // until it has left
		}
		select {
		case chunk, ok := <-more:
			if !ok {
				one.show(frame)
				return
			}
			frame = append(frame, chunk...)
			due.Reset(max(0, frameEvery-time.Since(last)))
			idle.Reset(one.t.o.Idle)
		case <-due.C:
			one.show(frame)
			frame, last = nil, time.Now()
		case order := <-one.orders:
			order()
			idle.Reset(one.t.o.Idle)
		case <-one.touch:
			idle.Reset(one.t.o.Idle)
		case <-pulse.C:
			if one.shell.busy() { // the hub counts too, and sees only what is said
				one.ready()
				idle.Reset(one.t.o.Idle)
			}
		case <-idle.C:
			one.t.fail(one.id, textIdle)
			one.close()
		case <-one.t.ctx.Done():
			one.close()
			return
		}
	}
}

// read reads the shell's output in whole characters until its end.
func (one *terminal) read(output chan<- []byte) {
	defer close(output)
	defer one.shell.drained()
	var rest []byte
	for {
		buffer := make([]byte, len(rest)+frameMost/2)
		copy(buffer, rest)
		n, err := one.shell.Read(buffer[len(rest):])
		buffer = buffer[:len(rest)+n]
		whole := wholeCharacters(buffer)
		rest = append([]byte(nil), buffer[whole:]...)
		if whole > 0 {
			output <- buffer[:whole]
		}
		if err != nil {
			if len(rest) > 0 {
				output <- rest
			}
			return
		}
	}
}

// wholeCharacters is how much of b does not end within a character.
func wholeCharacters(b []byte) int {
	for back := 1; back <= min(utf8.UTFMax-1, len(b)); back++ {
		if c := b[len(b)-back]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-back:]) {
				return len(b) - back
			}
			break
		}
	}
	return len(b)
}

// feed writes to the shell what was typed.
func (one *terminal) feed() {
	for {
		select {
		case data := <-one.input:
			if _, err := one.shell.Write(data); err != nil {
				return // it has ended
			}
			one.touched()
		case <-one.ended:
			return
		}
	}
}

// show passes output on and keeps it.
func (one *terminal) show(frame []byte) {
	if len(frame) == 0 {
		return
	}
	one.screen.add(frame)
	one.output(frame)
}

func (one *terminal) output(b []byte) {
	one.t.say(wire.EventTerminalOutput, wire.TerminalData{SessionID: one.t.o.Session, TerminalID: one.id, Data: string(b)})
	if one.unproven += len(b); one.unproven < ahead {
		return
	}
	one.unproven = 0
	ctx, cancel := context.WithTimeout(one.t.ctx, barrierWithin)
	defer cancel()
	_ = one.t.o.Barrier(ctx) // without a connection nothing is on its way
}

// reconnected tells a new connection that the shell lives, and shows it.
func (one *terminal) reconnected() {
	one.fresh = true
	one.ready()
	one.replay()
}

// attach shows the shell to somebody who opens it again. A hub that was there
// all the time shows it from its own memory.
func (one *terminal) attach() {
	one.ready()
	if one.fresh {
		one.fresh = false
		one.replay()
	}
}

func (one *terminal) ready() {
	one.t.say(wire.EventTerminalReady, wire.TerminalRef{SessionID: one.t.o.Session, TerminalID: one.id, Busy: one.shell.busy()})
}

// replay shows the screen from its beginning. Programs that draw all of it are
// made to draw it again.
func (one *terminal) replay() {
	if b := one.screen.replay(); len(b) > 0 {
		one.output(b)
	}
	if one.screen.alternate {
		one.shell.redraw()
	}
}
