// Package rpc asks a session process or a runner to do something and waits for
// its answer. Methods belong to a scope, the id of a session or a machine, and
// to the connection that registered them last.
package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"hapi/internal/wire"
)

// Target is the connection that serves a method.
type Target interface {
	Call(ctx context.Context, event string, args ...any) ([]json.RawMessage, error)
}

// TargetMissing says that nobody serves a method now. NeverAsked says that
// nobody did when the call was made; otherwise the target left before it
// answered, and may have done what it was asked.
type TargetMissing struct {
	Text       string
	NeverAsked bool
}

func (e *TargetMissing) Error() string { return e.Text }

// HandlerError is what the handler of a method said went wrong.
type HandlerError struct{ Text string }

func (e *HandlerError) Error() string { return e.Text }

// ErrTimeout says that no answer came in time.
var ErrTimeout = errors.New("operation has timed out")

// Options of a Registry. The zero value works.
type Options struct {
	Timeout time.Duration // of a call; default 30 s
	// SlowTimeout is that of methods which ask an agent, read whole histories, or
	// start a process on a machine that may be busy; default 120 s.
	SlowTimeout time.Duration
	// Patience is how long a call waits for its method to be registered: a
	// process that has just connected registers within moments. Default 1 s.
	Patience time.Duration
	// Called is told of every call, by the name of its method. May be nil.
	Called func(method string, took time.Duration, err error)
}

// slow are the methods that may take longer than others.
var slow = map[string]bool{
	wire.MethodListCodexModels: true, wire.MethodListCursorModels: true, wire.MethodListAgyModels: true,
	wire.MethodMachinePiModels: true, wire.MethodMachineCopilotModels: true, wire.MethodListCopilotModels: true, wire.MethodListPiModels: true,
	"listCodexSessions": true, "archiveCodexSession": true, "listPiSessions": true,
	wire.MethodFork: true, wire.MethodRewind: true, wire.MethodSpawnSession: true,
}

// Registry knows who serves which method.
type Registry struct {
	timeout, slowTimeout, patience time.Duration
	called                         func(method string, took time.Duration, err error)

	mu      sync.Mutex
	targets map[string]Target
	arrived map[string]chan struct{} // closed when the method is registered
}

// New makes an empty Registry.
func New(o Options) *Registry {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.SlowTimeout == 0 {
		o.SlowTimeout = 120 * time.Second
	}
	if o.Patience == 0 {
		o.Patience = time.Second
	}
	if o.Called == nil {
		o.Called = func(string, time.Duration, error) {}
	}
	return &Registry{
		timeout: o.Timeout, slowTimeout: o.SlowTimeout, patience: o.Patience, called: o.Called,
		targets: map[string]Target{}, arrived: map[string]chan struct{}{},
	}
}

// Register binds a method, "<scope>:<name>", to a target; the last one wins.
func (r *Registry) Register(method string, t Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets[method] = t
	if arrived, ok := r.arrived[method]; ok {
		close(arrived)
		delete(r.arrived, method)
	}
}

// Unregister removes a method if it is still the target's.
func (r *Registry) Unregister(method string, t Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.targets[method] == t {
		delete(r.targets, method)
	}
}

// Call asks for scope:name and reads its answer into result, which may be nil.
func (r *Registry) Call(ctx context.Context, scope, name string, params, result any) error {
	raw, err := r.CallRaw(ctx, scope, name, params)
	if err != nil || result == nil {
		return err
	}
	if err := json.Unmarshal(raw, result); err != nil {
		return fmt.Errorf("read the answer of %s: %w", name, err)
	}
	return nil
}

// CallRaw asks for scope:name and gives its answer as JSON. It fails with
// *TargetMissing, ErrTimeout or *HandlerError, and at once when the target's
// connection goes.
func (r *Registry) CallRaw(ctx context.Context, scope, name string, params any) (json.RawMessage, error) {
	began := time.Now()
	answer, err := r.call(ctx, scope, name, params)
	r.called(name, time.Since(began), err)
	return answer, err
}

func (r *Registry) call(ctx context.Context, scope, name string, params any) (json.RawMessage, error) {
	method := scope + ":" + name
	encoded, err := json.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("encode the parameters of %s: %w", name, err)
	}
	t, err := r.find(ctx, method)
	if err != nil {
		return nil, err
	}
	timeout := r.timeout
	if slow[name] {
		timeout = r.slowTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, ErrTimeout)
	defer cancel()
	reply, err := t.Call(ctx, wire.EventRPCRequest, wire.RPCRequest{Method: method, Params: string(encoded)})
	switch {
	case errors.Is(err, ErrTimeout), ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, &TargetMissing{Text: "RPC socket disconnected: " + method}
	}
	return readReply(reply)
}

// find gives a method's target, waiting a moment for it to appear.
func (r *Registry) find(ctx context.Context, method string) (Target, error) {
	r.mu.Lock()
	t, ok := r.targets[method]
	if ok {
		r.mu.Unlock()
		return t, nil
	}
	arrived := r.arrived[method]
	if arrived == nil {
		arrived = make(chan struct{})
		r.arrived[method] = arrived
	}
	r.mu.Unlock()
	wait := time.NewTimer(r.patience)
	defer wait.Stop()
	select {
	case <-arrived:
	case <-wait.C:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t, ok := r.targets[method]; ok {
		return t, nil
	}
	if r.arrived[method] == arrived {
		delete(r.arrived, method) // whoever still waits finds it missing too
	}
	return nil, &TargetMissing{Text: "RPC handler not registered: " + method, NeverAsked: true}
}

// readReply is the JSON inside the acknowledgement: a string that holds JSON,
// or null. A string that does not is itself the answer.
func readReply(reply []json.RawMessage) (json.RawMessage, error) {
	if len(reply) == 0 {
		return json.RawMessage("null"), nil
	}
	answer := reply[0]
	var text string
	if json.Unmarshal(answer, &text) == nil && json.Valid([]byte(text)) {
		answer = json.RawMessage(text)
	}
	var failed struct {
		Error   *string `json:"error"`
		Success *bool   `json:"success"`
	}
	if json.Unmarshal(answer, &failed) == nil && failed.Error != nil && failed.Success == nil {
		return nil, &HandlerError{Text: *failed.Error}
	}
	return answer, nil
}

// Codes of calls that did not succeed, by which clients tell what to do.
const (
	CodeTargetMissing = "rpc_target_missing"
	codeTimeout       = "rpc_timeout"
	codeFailed        = "rpc_failed"
)

// Failure classifies why a call did not succeed, for the HTTP planes. Errors
// that are not about the call stay as they are.
func Failure(err error) error {
	var missing *TargetMissing
	var refused *HandlerError
	switch {
	case errors.As(err, &missing):
		return &wire.Error{Kind: wire.Unavailable, Text: missing.Error(), Code: CodeTargetMissing}
	case errors.Is(err, ErrTimeout):
		return &wire.Error{Kind: wire.Timeout, Text: ErrTimeout.Error(), Code: codeTimeout}
	case errors.As(err, &refused):
		return &wire.Error{Kind: wire.BadGateway, Text: refused.Text, Code: codeFailed}
	}
	return err
}
