package acp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sdk "github.com/coder/acp-go-sdk"

	"hapi/internal/agent/child"
	"hapi/internal/agent/opencode/api"
)

const (
	// endWithin is how long an agent may take to end after its input ended.
	endWithin = 3 * time.Second
	// readWithin is how long a grandchild may hold the pipes of an ended agent.
	readWithin = 2 * time.Second
	// stderrTail is how much of an agent's error output is kept.
	stderrTail = 4 << 10
)

// process is one run of an agent.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *os.File // ours to close when a grandchild holds the other end
	conn   *sdk.Connection
	feed   *feed
	stderr *child.Tail
	done   chan struct{} // closed when it has ended and all its requests are answered
	exited chan struct{} // closed when it has ended
	err    error         // how it ended; valid after done
	files  *files
	shells *shells
	deaf   atomic.Bool // it does not read any more
	mark   string      // that everything it starts bears; empty: none
	// service is what it offers beside the protocol; nil: nothing.
	service *api.Server

	mu      sync.Mutex
	closed  bool           // no request is served any more
	serving sync.WaitGroup // requests of the agent
	asks    map[string]context.CancelCauseFunc
	written func()          // called once a prompt was written
	family  []child.Process // of the agent, as far as it was seen
	opened  *native         // nil until the agent has a session
	lists   bool            // it can list its sessions
}

// native is the agent's session, or nil.
func (p *process) native() *native {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened
}

func (p *process) setNative(n *native) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened = n
}

type processOptions struct {
	path, dir string
	args, env []string
	log       *slog.Logger
	service   *api.Server
	// serve answers a request, or takes a notification.
	serve func(ctx context.Context, p *process, method string, params json.RawMessage) (any, *sdk.RequestError)
}

func startProcess(ctx context.Context, o processOptions) (*process, error) {
	files, err := openFiles(o.dir)
	if err != nil {
		return nil, err
	}
	// The process outlives ctx, which belongs to a prompt: end and kill end it.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), o.path, o.args...)
	cmd.Dir, cmd.Env = o.dir, o.env
	child.OwnGroup(cmd)
	p := &process{
		cmd: cmd, service: o.service, stderr: &child.Tail{Max: stderrTail}, files: files, shells: newShells(files, o.env),
		done: make(chan struct{}), exited: make(chan struct{}), asks: map[string]context.CancelCauseFunc{},
	}
	p.mark = markOf(o.env)
	cmd.Stderr = p.stderr
	cmd.WaitDelay = readWithin
	// Not StdoutPipe: Wait would close it under the reader.
	output, theirs, err := os.Pipe()
	if err == nil {
		cmd.Stdout = theirs
		p.stdin, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if theirs != nil {
		_ = theirs.Close() // the agent has its own
	}
	if err != nil {
		if output != nil {
			_ = output.Close()
		}
		return nil, errors.Join(err, files.close())
	}
	p.stdout = output
	p.feed = newFeed(output, o.log)
	p.conn = sdk.NewConnection(func(ctx context.Context, method string, params json.RawMessage) (any, *sdk.RequestError) {
		return p.serve(ctx, o.serve, method, params)
	}, p, p.feed)
	p.conn.SetLogger(slog.New(slog.DiscardHandler)) // it logs what people said
	close(p.feed.begin)
	go p.wait()
	return p, nil
}

// markOf is what everything bears that this session starts; of several the last
// counts, as it does for a process.
func markOf(env []string) string {
	for _, pair := range slices.Backward(env) {
		if mark, ok := strings.CutPrefix(pair, child.Mark+"="); ok {
			return mark
		}
	}
	return ""
}

// serve keeps count of what is being served, so that nothing is left behind.
func (p *process) serve(ctx context.Context, serve func(context.Context, *process, string, json.RawMessage) (any, *sdk.RequestError), method string, params json.RawMessage) (any, *sdk.RequestError) {
	if method == sdk.ClientMethodSessionUpdate || !isRequest(method) {
		defer p.feed.handled()
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, &sdk.RequestError{Code: codeInternal, Message: "the session has ended"}
	}
	p.serving.Add(1)
	p.mu.Unlock()
	defer p.serving.Done()
	return serve(ctx, p, method, params)
}

// isRequest says whether a method is one that is answered.
func isRequest(method string) bool {
	switch method {
	case sdk.ClientMethodSessionRequestPermission, sdk.ClientMethodFsReadTextFile, sdk.ClientMethodFsWriteTextFile,
		sdk.ClientMethodTerminalCreate, sdk.ClientMethodTerminalKill, sdk.ClientMethodTerminalOutput,
		sdk.ClientMethodTerminalRelease, sdk.ClientMethodTerminalWaitForExit:
		return true
	}
	return false
}

// wait deals with the end of the process.
func (p *process) wait() {
	p.err = p.cmd.Wait()
	close(p.exited)
	select {
	case <-p.conn.Done():
	case <-time.After(readWithin): // somebody else holds its output open
	}
	close(p.feed.cut)
	_ = p.stdout.Close() // ends the reading, if it has not ended
	<-p.conn.Done()
	p.withdrawAsks(errEnded)
	p.feed.drain(readWithin)
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.shells.close()
	p.serving.Wait()
	_ = p.files.close() // nothing was written through it that is not written
	close(p.done)
}

// gone says whether the process has ended, or its input or output has.
func (p *process) gone() bool {
	select {
	case <-p.conn.Done():
		return true
	case <-p.exited:
		return true
	default:
		return p.deaf.Load()
	}
}

var promptMethod = []byte(`"method":"` + sdk.AgentMethodSessionPrompt + `"`)

// Write gives the agent a message; the connection writes one at a time.
func (p *process) Write(b []byte) (int, error) {
	n, err := p.stdin.Write(b)
	if err != nil {
		p.deaf.Store(true)
	}
	if err == nil && bytes.Contains(b, promptMethod) {
		p.mu.Lock()
		written := p.written
		p.written = nil
		p.mu.Unlock()
		if written != nil {
			written()
		}
	}
	return n, err
}

// whenPromptIsWritten calls f when the next prompt was given to the agent.
func (p *process) whenPromptIsWritten(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written = f
}

// call makes a request of the agent. Its result may be anything.
func (p *process) call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	return sdk.SendRequest[json.RawMessage](p.conn, ctx, method, params)
}

// remember notes what the agent has started, before it is left without a parent.
func (p *process) remember() {
	family := child.Descendants(p.cmd.Process.Pid)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.family = append(p.family, family...)
}

// sweep kills what the agent started and left behind.
func (p *process) sweep() {
	p.mu.Lock()
	family := p.family
	p.mu.Unlock()
	child.Sweep(p.cmd, family)
	child.SweepMarked(p.mark)
}

// end lets the agent finish by ending its input, and kills it if it does not.
func (p *process) end() {
	p.remember()
	p.withdrawAsks(errEnded)
	_ = p.stdin.Close() // it may have gone
	select {
	case <-p.exited:
	case <-time.After(endWithin):
		child.Kill(p.cmd, p.exited)
	}
	p.sweep()
	<-p.done
}

// settle waits for the end of an agent whose output has ended, and makes it if
// it does not come.
func (p *process) settle() {
	select {
	case <-p.exited:
	case <-time.After(readWithin):
		child.Kill(p.cmd, p.exited)
	}
	<-p.done
}

// kill ends the agent at once.
func (p *process) kill() {
	select {
	case <-p.done:
		return
	default:
	}
	child.Kill(p.cmd, p.exited)
	p.sweep()
	<-p.done
}

// ask registers a request that waits for a person. The context ends with the
// request, its cause is why.
func (p *process) ask(ctx context.Context, id string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	p.mu.Lock()
	p.asks[id] = cancel
	p.mu.Unlock()
	return ctx, func() {
		p.mu.Lock()
		delete(p.asks, id)
		p.mu.Unlock()
		cancel(nil)
	}
}

// withdrawAsks takes back what still waits for a person.
func (p *process) withdrawAsks(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, cancel := range p.asks {
		cancel(why)
	}
}

func exitText(err error) string {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "exit code 0"
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return "exit code " + strconv.Itoa(exit.ExitCode())
	default:
		return err.Error()
	}
}
