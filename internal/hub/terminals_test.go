package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hapi/internal/nodetest"
	"hapi/internal/socketio"
	"hapi/internal/wire"
)

// shells is a session process that runs shells which echo what they are told.
type shells struct {
	*socketio.Client
	session wire.SessionID
	asked   chan string   // events of the hub: name, space, payload
	there   chan struct{} // closed when there is a client to speak with
}

func (h *testHub) newShells(session wire.SessionID) *shells {
	h.t.Helper()
	s := &shells{session: session, asked: make(chan string, 1000), there: make(chan struct{})}
	note := func(event string) socketio.Handler {
		return func(args []json.RawMessage, _ socketio.Ack) { s.asked <- event + " " + string(args[0]) }
	}
	handlers := map[string]socketio.Handler{
		wire.EventTerminalOpen: func(args []json.RawMessage, _ socketio.Ack) {
			var in wire.TerminalOpen
			_ = json.Unmarshal(args[0], &in)
			s.asked <- "open " + string(args[0])
			s.say(wire.EventTerminalReady, wire.TerminalRef{SessionID: in.SessionID, TerminalID: in.TerminalID})
		},
		wire.EventTerminalWrite: func(args []json.RawMessage, _ socketio.Ack) {
			var in wire.TerminalData
			_ = json.Unmarshal(args[0], &in)
			if in.Data == "exit\n" {
				code := 3
				s.say(wire.EventTerminalExit, wire.TerminalExit{SessionID: in.SessionID, TerminalID: in.TerminalID, Code: &code})
				return
			}
			s.say(wire.EventTerminalOutput, wire.TerminalData{SessionID: in.SessionID, TerminalID: in.TerminalID, Data: "echo " + in.Data})
		},
		wire.EventTerminalResize: note("resize"),
		wire.EventTerminalClose:  note("close"),
		wire.EventAgentRefresh:   note("refresh"),
		wire.EventAgentIdle:      note("idle"),
		wire.EventAgentInput:     note("input"),
		wire.EventAgentResize:    note("agent-resize"),
	}
	s.Client = h.connect("/cli", map[string]any{"token": baseToken, "sessionId": session}, handlers)
	close(s.there)
	return s
}

func (s *shells) say(event string, payload any) {
	<-s.there
	_ = s.Emit(event, payload)
}

// screen is a browser at the namespace /terminal.
type screen struct {
	*socketio.Client
	t      *testing.T
	events chan string
}

func (h *testHub) newScreen(jwt string) *screen {
	h.t.Helper()
	s := &screen{t: h.t, events: make(chan string, 100_000)}
	handlers := map[string]socketio.Handler{}
	for _, event := range []string{wire.EventTerminalReady, wire.EventTerminalOutput, wire.EventTerminalExit, wire.EventTerminalError, wire.EventAgentOutput} {
		handlers[event] = func(args []json.RawMessage, _ socketio.Ack) { s.events <- event + " " + string(args[0]) }
	}
	s.Client = h.connect("/terminal", map[string]any{"token": jwt}, handlers)
	return s
}

func (s *screen) emit(event string, payload any) {
	s.t.Helper()
	if err := s.Emit(event, payload); err != nil {
		s.t.Fatal(err)
	}
}

// want takes the next event.
func (s *screen) want(want string) {
	s.t.Helper()
	select {
	case got := <-s.events:
		if got != want {
			s.t.Errorf("got %s, want %s", got, want)
		}
	case <-time.After(30 * time.Second):
		s.t.Fatalf("waiting for %s", want)
	}
}

func open(session wire.SessionID, id string) wire.TerminalOpen {
	return wire.TerminalOpen{SessionID: session, TerminalID: id, Cols: 80, Rows: 24}
}

func TestTerminalBetweenBrowserAndProcess(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	id := h.newSession(baseToken, nil, false).session.ID
	cli := h.newShells(id) // the newest connection of the session
	browser := h.newScreen(h.jwt)
	browser.emit(wire.EventTerminalCreate, open(id, "t1"))
	browser.want(fmt.Sprintf(`terminal:ready {"sessionId":%q,"terminalId":"t1"}`, id))
	browser.emit(wire.EventTerminalWrite, map[string]any{"terminalId": "t1", "data": "ls\n"})
	browser.want(fmt.Sprintf(`terminal:output {"sessionId":%q,"terminalId":"t1","data":"echo ls\n"}`, id))
	browser.emit(wire.EventTerminalResize, map[string]any{"terminalId": "t1", "cols": 100, "rows": 30})
	if got, want := <-cli.asked, fmt.Sprintf(`open {"sessionId":%q,"terminalId":"t1","cols":80,"rows":24}`, id); got != want {
		t.Errorf("the process was asked %s", got)
	}
	if got, want := <-cli.asked, fmt.Sprintf(`resize {"sessionId":%q,"terminalId":"t1","cols":100,"rows":30}`, id); got != want {
		t.Errorf("the process was asked %s, want %s", got, want)
	}

	second := h.newScreen(h.jwt) // another page uses the same shell
	second.emit(wire.EventTerminalCreate, open(id, "t1"))
	second.want(`terminal:output {"terminalId":"t1","data":"echo ls\n"}`)
	second.want(fmt.Sprintf(`terminal:ready {"sessionId":%q,"terminalId":"t1"}`, id))
	browser.emit(wire.EventTerminalWrite, map[string]any{"terminalId": "t1", "data": "pwd\n"})
	second.want(fmt.Sprintf(`terminal:output {"sessionId":%q,"terminalId":"t1","data":"echo pwd\n"}`, id))
	second.emit(wire.EventTerminalWrite, map[string]any{"terminalId": "t1", "data": "exit\n"})
	second.want(fmt.Sprintf(`terminal:exit {"sessionId":%q,"terminalId":"t1","code":3,"signal":null}`, id))

	second.emit(wire.EventTerminalCreate, open(id, "t2"))
	second.want(fmt.Sprintf(`terminal:ready {"sessionId":%q,"terminalId":"t2"}`, id))
	if err := cli.Emit("no-such-event", 1); err != nil {
		t.Fatal(err)
	}
	second.emit(wire.EventTerminalClose, map[string]any{"terminalId": "t2"})
	<-cli.asked // open of t1 by the second page
	<-cli.asked // open of t2
	if got, want := <-cli.asked, fmt.Sprintf(`close {"sessionId":%q,"terminalId":"t2"}`, id); got != want {
		t.Errorf("the process was asked %s, want %s", got, want)
	}
}

func TestTerminalAccess(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, false)
	foreign := h.newScreen(h.signIn(baseToken + ":other"))
	foreign.emit(wire.EventTerminalCreate, open(p.session.ID, "t1"))
	foreign.want(`terminal:error {"terminalId":"t1","message":"Session is inactive or unavailable."}`)
	foreign.emit(wire.EventAgentSubscribe, map[string]any{"sessionId": p.session.ID}) // silent
	browser := h.newScreen(h.jwt)
	browser.emit(wire.EventTerminalCreate, open("nope", "t1"))
	browser.want(`terminal:error {"terminalId":"t1","message":"Session is inactive or unavailable."}`)
	browser.emit(wire.EventTerminalCreate, open(h.row(baseToken, `{"path":"/p","host":"h"}`), "t1"))
	browser.want(`terminal:error {"terminalId":"t1","message":"Session is inactive or unavailable."}`)
	for _, payload := range []any{nil, 5, "x", map[string]any{}, map[string]any{"sessionId": p.session.ID, "terminalId": "t", "cols": 0, "rows": 1},
		map[string]any{"sessionId": p.session.ID, "terminalId": "", "cols": 1, "rows": 1}, map[string]any{"sessionId": p.session.ID, "terminalId": "t", "cols": 1.5, "rows": 1},
		map[string]any{"sessionId": 5, "terminalId": []int{}, "cols": "1", "rows": nil}} {
		for _, event := range []string{wire.EventTerminalCreate, wire.EventTerminalWrite, wire.EventTerminalResize, wire.EventTerminalClose, wire.EventTerminalDetach,
			wire.EventAgentSubscribe, wire.EventAgentUnsubscribe, wire.EventAgentInput, wire.EventAgentResize} {
			browser.emit(event, payload)
		}
	}
	c, _ := h.rawProcess(map[string]any{"token": baseToken})
	for _, event := range []string{wire.EventTerminalReady, wire.EventTerminalOutput, wire.EventTerminalExit, wire.EventTerminalError, wire.EventAgentOutput, wire.EventAgentReset} {
		for _, payload := range []any{nil, 5, map[string]any{"sessionId": p.session.ID, "terminalId": "agent", "data": "not mine", "message": "m"}, map[string]any{"sessionId": 5}} {
			if err := c.Emit(event, payload); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := c.Call(t.Context(), wire.EventPing); err != nil {
		t.Fatal(err)
	}
	browser.emit(wire.EventTerminalCreate, open("nope", "last")) // nothing else came
	browser.want(`terminal:error {"terminalId":"last","message":"Session is inactive or unavailable."}`)
}

func TestTerminalHandshake(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	for token, want := range map[any]string{"": "Missing token", 5: "Missing token", "x": "Invalid token", baseToken: "Invalid token"} {
		c := socketio.NewClient(h.url, socketio.ClientOptions{Namespace: "/terminal", Auth: func() any { return map[string]any{"token": token} }})
		refused := make(chan error, 1)
		ctx, stop := context.WithCancel(t.Context())
		c.OnRefused(func(err error) { refused <- err; stop() })
		_ = c.Run(ctx)
		var why *socketio.ConnectError
		if err := <-refused; !errors.As(err, &why) || why.Message != want {
			t.Errorf("%v: refused with %v, want %s", token, err, want)
		}
	}
}

func TestProcessThatGoesTakesItsShellsAlong(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, false)
	browser := h.newScreen(h.jwt)
	ctx, stop := context.WithCancel(context.Background())
	c := socketio.NewClient(h.url, socketio.ClientOptions{Namespace: "/cli", Auth: func() any {
		return map[string]any{"token": baseToken, "sessionId": p.session.ID}
	}})
	opened, connected, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	c.Handle(wire.EventTerminalOpen, func([]json.RawMessage, socketio.Ack) { close(opened) })
	c.OnConnect(func() { close(connected) })
	go func() { defer close(ended); _ = c.Run(ctx) }()
	<-connected
	browser.emit(wire.EventTerminalCreate, open(p.session.ID, "t1"))
	<-opened
	stop()
	<-ended
	browser.want(`terminal:error {"terminalId":"t1","message":"CLI disconnected."}`)
}

func TestAgentsScreenIsRelayed(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	id := h.newSession(baseToken, nil, false).session.ID
	cli := h.newShells(id)
	browser := h.newScreen(h.jwt)
	browser.emit(wire.EventAgentSubscribe, map[string]any{"sessionId": id})
	for i, want := range []string{"refresh", "agent-resize", "input", "idle"} {
		switch i {
		case 1:
			cli.say(wire.EventAgentOutput, wire.TerminalData{SessionID: id, TerminalID: "agent", Data: "frame"})
			browser.want(fmt.Sprintf(`agent-terminal:output {"sessionId":%q,"terminalId":"agent","data":"frame"}`, id))
			browser.emit(wire.EventAgentResize, map[string]any{"sessionId": id, "cols": 80, "rows": 24})
		case 2:
			browser.emit(wire.EventAgentInput, map[string]any{"sessionId": id, "data": "y"})
		case 3:
			browser.emit(wire.EventAgentUnsubscribe, map[string]any{"sessionId": id})
		}
		if got := <-cli.asked; !strings.HasPrefix(got, want+" ") {
			t.Errorf("the process was told %s, want %s", got, want)
		}
	}
}

// A shell that prints without end must neither hold up what else its process
// says, nor fill the hub's memory for a browser that does not read.
func TestFloodOfOutputStarvesNobody(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, false)
	cli := h.newShells(p.session.ID)
	var got atomic.Int64
	reads, last := make(chan struct{}), make(chan struct{})
	browser := h.connect("/terminal", map[string]any{"token": h.jwt}, map[string]socketio.Handler{
		wire.EventTerminalOutput: func(args []json.RawMessage, _ socketio.Ack) {
			<-reads
			got.Add(int64(len(args[0])))
			if strings.Contains(string(args[0]), "the last line") {
				close(last)
			}
		},
	})
	if err := browser.Emit(wire.EventTerminalCreate, open(p.session.ID, "t1")); err != nil {
		t.Fatal(err)
	}
	<-cli.asked
	const chunks, chunk = 2000, 32 << 10
	text := strings.Repeat("flood of output\n", chunk/16)
	flood := func(text string) {
		t.Helper()
		err := cli.Emit(wire.EventTerminalOutput, wire.TerminalData{SessionID: p.session.ID, TerminalID: "t1", Data: text})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range chunks {
		flood(text)
		if i%100 == 0 { // the hub keeps up: this comes back behind what was printed before
			if _, err := cli.Call(t.Context(), wire.EventPing); err != nil {
				t.Fatal(err)
			}
		}
	}
	flood("the last line")
	if _, err := cli.Call(t.Context(), wire.EventPing); err != nil {
		t.Fatal(err)
	}
	close(reads)
	<-last
	if most := int64(chunks * chunk / 2); got.Load() > most {
		t.Errorf("the browser was sent %d bytes of %d, although it did not read", got.Load(), chunks*chunk)
	}
}

// The official client, as reference web apps use it.
func TestOfficialClientUsesATerminal(t *testing.T) {
	t.Parallel()
	const dir = "../socketio/testdata/conformance"
	if err := nodetest.Install(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	h := newHub(t)
	id := h.newSession(baseToken, nil, false).session.ID
	h.newShells(id)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "terminal.mjs", h.url, h.jwt, string(id))
	node.Dir = dir
	if out, err := node.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
