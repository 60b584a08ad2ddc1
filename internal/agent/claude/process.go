package claude

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
	"time"

	"hapi/internal/agent/child"
)

const (
	// endWithin is how long Claude may take to end after its input ended.
	endWithin = 3 * time.Second
	// letGoWithin is how long a grandchild may hold the pipes open.
	letGoWithin = 2 * time.Second
	// stderrTail is how much of its error output is kept.
	stderrTail = 4 << 10
)

type processOptions struct {
	path string
	args []string
	dir  string
	env  []string
	log  *slog.Logger
	// line handles one line of the output, in order, on the reading goroutine.
	line func(p *process, raw []byte)
}

// process is one run of Claude.
type process struct {
	o      processOptions
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr *child.Tail
	done   chan struct{} // closed when it has ended and its output was read
	err    error         // how it ended; valid after done

	writing sync.Mutex

	mu      sync.Mutex
	calls   map[string]chan controlReply // our control requests that wait
	asks    map[string]context.CancelCauseFunc
	asking  sync.WaitGroup // goroutines that wait for a person
	garbage int            // lines that were no JSON
}

// find is the executable: the one given, or the one on the search path.
func find(path string) (string, error) {
	if path == "" {
		path = "claude"
	}
	return exec.LookPath(path)
}

func startProcess(ctx context.Context, o processOptions) (*process, error) {
	// The process outlives ctx, which belongs to a prompt: end and kill end it.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), o.path, o.args...)
	cmd.Dir, cmd.Env = o.dir, o.env
	child.OwnGroup(cmd)
	p := &process{
		o: o, cmd: cmd, stderr: &child.Tail{Max: stderrTail}, done: make(chan struct{}),
		calls: map[string]chan controlReply{}, asks: map[string]context.CancelCauseFunc{},
	}
	cmd.Stderr = p.stderr
	cmd.WaitDelay = letGoWithin
	var err error
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go p.read(stdout)
	return p, nil
}

// read handles the output until its end, then waits for the process.
func (p *process) read(stdout io.Reader) {
	lines := bufio.NewReaderSize(stdout, 64<<10)
	for {
		raw, err := lines.ReadBytes('\n') // lines can be megabytes
		if raw = bytes.TrimSpace(raw); len(raw) > 0 {
			p.o.line(p, raw)
		}
		if err != nil {
			break
		}
	}
	p.err = p.cmd.Wait()
	child.SweepMarked(lookup(p.o.env, child.Mark))
	p.withdrawAsks(reasonEnded)
	p.mu.Lock()
	calls := p.calls
	p.calls = nil
	p.mu.Unlock()
	for _, reply := range calls {
		reply <- controlReply{err: errEnded}
	}
	p.asking.Wait()
	close(p.done)
}

var errEnded = errors.New("claude has ended")

// gone says whether the process has ended.
func (p *process) gone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// write sends one line.
func (p *process) write(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode a line for claude: %w", err)
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	if _, err := p.stdin.Write(append(raw, '\n')); err != nil {
		return fmt.Errorf("write to claude: %w", err)
	}
	return nil
}

// refusal is Claude's answer to a control request that it does not carry out.
type refusal string

func (r refusal) Error() string { return string(r) }

type controlReply struct {
	response json.RawMessage
	err      error
}

// control sends a control request and waits for its reply.
func (p *process) control(ctx context.Context, request map[string]any) (json.RawMessage, error) {
	id := newUUID()
	reply := make(chan controlReply, 1)
	p.mu.Lock()
	if p.calls == nil {
		p.mu.Unlock()
		return nil, errEnded
	}
	p.calls[id] = reply
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.calls, id)
		p.mu.Unlock()
	}()
	if err := p.write(map[string]any{"type": "control_request", "request_id": id, "request": request}); err != nil {
		return nil, err
	}
	select {
	case r := <-reply:
		return r.response, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// replied hands a reply to the control request that waits for it.
func (p *process) replied(id string, r controlReply) {
	p.mu.Lock()
	reply := p.calls[id]
	delete(p.calls, id)
	p.mu.Unlock()
	if reply != nil {
		reply <- r
	}
}

// end lets Claude finish by ending its input, and kills it if it does not.
func (p *process) end() error {
	p.withdrawAsks(reasonEnded)
	family := child.Descendants(p.cmd.Process.Pid)
	p.writing.Lock()
	_ = p.stdin.Close() // it may have gone
	p.writing.Unlock()
	select {
	case <-p.done:
	case <-time.After(endWithin):
		p.kill()
		<-p.done
		return nil
	}
	child.Sweep(p.cmd, family)
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) && !errors.Is(p.err, exec.ErrWaitDelay) {
		return p.err
	}
	return nil
}

// kill ends Claude and everything it started.
func (p *process) kill() { child.Kill(p.cmd, p.done) }
