package codex

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"hapi/internal/agent/child"
)

const (
	// endWithin is how long the app-server may take to end after its input ended.
	endWithin = 3 * time.Second
	// pipeWithin is how long a grandchild may hold its output open after that.
	pipeWithin = 2 * time.Second
	// stderrTail is how much of its error output is kept.
	stderrTail = 4 << 10
	// answerWithin is how long Codex may take to read or to answer a call. The work
	// a call begins is followed by notifications, not by the answer.
	answerWithin = time.Minute
	// quietFor is how long Codex may say nothing in a turn; then it has to answer a
	// call, which proves that it is still there.
	quietFor = 2 * time.Minute
)

// patience is how long Codex is waited for.
type patience struct{ answer, quiet time.Duration }

// handler takes what the app-server says by itself, in order, on the reading
// goroutine. It must not wait for a person.
type handler interface {
	notified(s *server, method string, params json.RawMessage)
	asked(s *server, r *request)
}

type serverOptions struct {
	path string
	args []string
	dir  string
	env  []string
	log  *slog.Logger
	handler
}

// server is one run of `codex app-server`: JSON-RPC in lines, both ways.
type server struct {
	o        serverOptions
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	stderr   *child.Tail
	patience patience
	// version is Codex's, once it has introduced itself; zero: not known.
	version version
	done    chan struct{} // closed when it has ended and its output was read
	err     error         // how it ended; valid after done
	// garbage is what it printed that is not its protocol; valid after done.
	garbage string
	heard   atomic.Int64 // when it said something last, in nanoseconds

	writing sync.Mutex

	mu     sync.Mutex
	lastID int64
	calls  map[int64]*call                    // our calls that wait; nil when it has ended
	asks   map[string]context.CancelCauseFunc // its requests that wait for a person
	asking sync.WaitGroup                     // goroutines that wait for a person
	stuck  error                              // why it was given up; nil: it was not
}

// call is a call of ours that waits for its answer.
type call struct {
	// taken sees a result before anything that Codex says after it.
	taken func(result json.RawMessage)
	reply chan reply // of one
}

type reply struct {
	result json.RawMessage
	err    error
}

// rpcError is a refusal of Codex.
type rpcError struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

func (e *rpcError) Error() string { return e.Message }

var errEnded = errors.New("codex has ended")

func startServer(ctx context.Context, o serverOptions) (*server, error) {
	// The process outlives ctx, which belongs to a prompt: end and kill end it.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), o.path, o.args...)
	cmd.Dir, cmd.Env = o.dir, o.env
	child.OwnGroup(cmd)
	s := &server{
		o: o, cmd: cmd, stderr: &child.Tail{Max: stderrTail}, done: make(chan struct{}),
		patience: patience{answerWithin, quietFor}, calls: map[int64]*call{}, asks: map[string]context.CancelCauseFunc{},
	}
	cmd.Stderr = s.stderr
	cmd.WaitDelay = pipeWithin
	var err error
	if s.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, out := io.Pipe()
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		s.err = cmd.Wait() // or pipeWithin after its end: a grandchild may hold its output open
		_ = out.Close()    // never fails
	}()
	go s.read(stdout, exited)
	return s, nil
}

// read handles the output until its end, then waits for the process.
func (s *server) read(stdout *io.PipeReader, exited <-chan struct{}) {
	lines := bufio.NewReaderSize(stdout, 64<<10)
	for {
		raw, err := lines.ReadBytes('\n') // lines can be megabytes
		s.heard.Store(time.Now().UnixNano())
		if raw = bytes.TrimSpace(raw); len(raw) > 0 && !s.line(raw) {
			s.garbage = string(bytes.ToValidUTF8(raw[:min(len(raw), 200)], []byte("�")))
			child.Sweep(s.cmd, child.Descendants(s.cmd.Process.Pid))
			break
		}
		if err != nil {
			break
		}
	}
	_ = stdout.Close() // what it still says is of no use
	<-exited
	child.SweepMarked(markOf(s.o.env)) // what it left behind
	s.withdrawAsks(reasonEnded)
	s.mu.Lock()
	calls := s.calls
	s.calls = nil
	s.mu.Unlock()
	for _, c := range calls {
		c.reply <- reply{err: errEnded}
	}
	s.asking.Wait()
	close(s.done)
}

// markOf is what the processes of a session's agent are known by. An environment
// that is the process's own can have another's: hapi may run in an agent's shell.
func markOf(env []string) string {
	if env == nil {
		return ""
	}
	return lookup(env, child.Mark)
}

// message is a line of the protocol: a request or a notification if it has a
// method, else an answer. Ids of its own requests are kept as they came.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *rpcError       `json:"error"`
}

// request is something Codex asks us.
type request struct {
	id     json.RawMessage
	method string
	params json.RawMessage
}

// line handles one line. It says whether the line was JSON at all.
func (s *server) line(raw []byte) bool {
	var m message
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, &m); err != nil && !errors.As(err, &mistyped) {
		return false
	}
	m.Params = camelCase(m.Params)
	switch {
	case m.Method != "" && isSet(m.ID):
		s.o.asked(s, &request{id: m.ID, method: m.Method, params: m.Params})
	case m.Method != "":
		s.o.notified(s, m.Method, m.Params)
	default:
		s.answered(&m)
	}
	return true
}

func (s *server) answered(m *message) {
	var id int64
	if json.Unmarshal(m.ID, &id) != nil {
		return
	}
	s.mu.Lock()
	c := s.calls[id]
	delete(s.calls, id)
	s.mu.Unlock()
	if c == nil {
		return
	}
	r := reply{result: m.Result}
	if m.Error != nil {
		r.err = m.Error
	} else if c.taken != nil {
		c.taken(m.Result)
	}
	c.reply <- r
}

// gone says whether the process has ended.
func (s *server) gone() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// write sends one line.
func (s *server) write(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode a line for codex: %w", err)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	unread := time.AfterFunc(s.patience.answer, func() { s.giveUp(unreadError{s.patience.answer}) })
	defer unread.Stop()
	if _, err := s.stdin.Write(append(raw, '\n')); err != nil {
		return fmt.Errorf("write to codex: %w", err)
	}
	return nil
}

func (s *server) notify(method string) error {
	return s.write(map[string]any{"method": method})
}

// lateError says that Codex did not answer a call.
type lateError struct {
	method string
	within time.Duration
}

func (e lateError) Error() string {
	return fmt.Sprintf("Codex did not answer %s within %s", e.method, e.within)
}

// unreadError says that Codex does not read what it is told.
type unreadError struct{ within time.Duration }

func (e unreadError) Error() string {
	return fmt.Sprintf("Codex did not read what it was told within %s", e.within)
}

// unsentError says that a call certainly did not reach Codex.
type unsentError struct{ error }

// call calls a method and waits for its answer, but not for ever.
func (s *server) call(ctx context.Context, method string, params any, taken func(json.RawMessage)) (json.RawMessage, error) {
	c := &call{taken: taken, reply: make(chan reply, 1)}
	s.mu.Lock()
	if s.calls == nil {
		s.mu.Unlock()
		return nil, unsentError{errEnded}
	}
	s.lastID++
	id := s.lastID
	s.calls[id] = c
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.calls, id)
		s.mu.Unlock()
	}()
	if err := s.write(map[string]any{"id": id, "method": method, "params": params}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.patience.answer, lateError{method, s.patience.answer})
	defer cancel()
	select {
	case r := <-c.reply:
		return r.result, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// answer replies to a request. A process that has gone needs no answer.
func (s *server) answer(r *request, result any) {
	s.reply(map[string]any{"id": r.id, "result": result})
}

// Codes of JSON-RPC.
const (
	codeNoMethod  = -32601
	codeBadParams = -32602
	codeInternal  = -32603
)

func (s *server) refuse(r *request, code int, text string) {
	s.reply(map[string]any{"id": r.id, "error": rpcError{Code: code, Message: text}})
}

func (s *server) reply(line any) {
	if err := s.write(line); err != nil {
		s.o.log.Debug("codex did not get an answer", "err", err)
	}
}

// ask runs wait, which waits for a person, on a goroutine of its own. Its
// context ends when the request is withdrawn; the cause says why.
func (s *server) ask(r *request, wait func(ctx context.Context)) {
	ctx, cancel := context.WithCancelCause(context.Background())
	key := string(r.id)
	s.mu.Lock()
	s.asks[key] = cancel
	s.mu.Unlock()
	s.asking.Go(func() {
		wait(ctx)
		s.withdrawAsk(key, reasonTurnEnded)
	})
}

func (s *server) withdrawAsk(id string, why error) {
	s.mu.Lock()
	cancel := s.asks[id]
	delete(s.asks, id)
	s.mu.Unlock()
	if cancel != nil {
		cancel(why)
	}
}

// withdrawAsks withdraws everything that waits for a person.
func (s *server) withdrawAsks(why error) {
	s.mu.Lock()
	asks := s.asks
	s.asks = map[string]context.CancelCauseFunc{}
	s.mu.Unlock()
	for _, cancel := range asks {
		cancel(why)
	}
}

// end lets Codex finish by ending its input, and kills it if it does not.
func (s *server) end() error {
	s.withdrawAsks(reasonEnded)
	family := child.Descendants(s.cmd.Process.Pid)
	closed := make(chan struct{})
	go func() { // a line that it does not read is waited for as long as it lives
		defer close(closed)
		s.writing.Lock()
		defer s.writing.Unlock()
		_ = s.stdin.Close() // it may have gone
	}()
	defer func() { <-closed }()
	select {
	case <-s.done:
	case <-time.After(endWithin):
		s.kill()
		return nil
	}
	child.Sweep(s.cmd, family) // what it started and left behind
	var exit *exec.ExitError
	if s.err != nil && !errors.As(s.err, &exit) && !errors.Is(s.err, exec.ErrWaitDelay) {
		return s.err
	}
	return nil
}

// kill ends Codex and everything it started.
func (s *server) kill() {
	child.Kill(s.cmd, s.done)
	<-s.done
}

// giveUp kills a Codex that is stuck, and keeps why.
func (s *server) giveUp(why error) {
	s.mu.Lock()
	if s.stuck == nil {
		s.stuck = why
	}
	s.mu.Unlock()
	s.o.log.Warn("codex is stuck; it is killed", "err", why)
	s.kill()
}

// stuckBy is why it was given up, or nil.
func (s *server) stuckBy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stuck
}

// watch gives up a process that says nothing and does not answer either, until
// ctx ends. A turn can be silent for long: an answer, even a refusal, proves that
// Codex is still there.
func (s *server) watch(ctx context.Context) {
	tick := time.NewTicker(s.patience.quiet)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.done:
			return
		case <-ctx.Done():
			return
		}
		if time.Since(time.Unix(0, s.heard.Load())) < s.patience.quiet {
			continue
		}
		var late lateError
		if _, err := s.call(ctx, "account/read", map[string]any{"refreshToken": false}, nil); errors.As(err, &late) {
			s.giveUp(late)
			return
		}
	}
}

// settle waits for the end of a Codex that cannot be talked to any more.
func (s *server) settle() {
	select {
	case <-s.done:
	case <-time.After(endWithin):
		s.kill()
	}
}
