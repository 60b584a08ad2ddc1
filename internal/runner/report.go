package runner

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"time"

	"hapi/internal/control"
	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

// connected says on the new connection what is true now.
func (r *Runner) connected() {
	r.setProblem("")
	r.changeState(func(s *wire.RunnerState) { s.Status = wire.RunnerRunning })
	r.o.Ready()
}

func (r *Runner) setProblem(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problem = text
}

// changeState changes the runner's state and has it written.
func (r *Runner) changeState(change func(*wire.RunnerState)) {
	r.mu.Lock()
	change(&r.state)
	r.mu.Unlock()
	select {
	case r.stateSet <- struct{}{}:
	default: // it is going to be written anyway
	}
}

func (r *Runner) setSpawnFailure(f *wire.SpawnFailure) {
	r.changeState(func(s *wire.RunnerState) { s.LastSpawnError = f })
}

// writeStates writes the latest state, and the roots if the hub has others,
// until ctx ends.
func (r *Runner) writeStates(ctx context.Context, link *hubclient.MachineLink) {
	for {
		select {
		case <-r.stateSet:
		case <-ctx.Done():
			return
		}
		r.mu.Lock()
		state := r.state
		r.mu.Unlock()
		err := link.SetState(ctx, state)
		if err == nil && r.rootsDiffer(link.Metadata()) {
			err = link.UpdateMetadata(ctx, r.correctRoots)
		}
		if err != nil && ctx.Err() == nil {
			r.log.Error("the hub did not take the runner's state", "err", err)
		}
	}
}

func (r *Runner) rootsDiffer(metadata json.RawMessage) bool {
	var m struct {
		Roots []string `json:"workspaceRoots"`
	}
	_ = json.Unmarshal(metadata, &m) // without metadata there are none
	return len(m.Roots)+len(r.o.Roots) > 0 && !reflect.DeepEqual(m.Roots, r.o.Roots)
}

func (r *Runner) correctRoots(m map[string]json.RawMessage) {
	delete(m, "workspaceRoots")
	if len(r.o.Roots) > 0 {
		raw, err := json.Marshal(r.o.Roots)
		if err != nil {
			panic(err) // they are strings
		}
		m["workspaceRoots"] = raw
	}
}

// goodbyeWithin is how long a hub has to take the runner's last word.
const goodbyeWithin = time.Second

func (r *Runner) sayGoodbye(ctx context.Context, link *hubclient.MachineLink) {
	source := wire.ShutdownBySignal
	var wanted Shutdown
	if errors.As(context.Cause(ctx), &wanted) {
		source = wanted.Source
	}
	r.mu.Lock()
	r.state.Status, r.state.ShutdownRequestedAt, r.state.ShutdownSource = wire.RunnerShuttingDown, wire.Now(), source
	state := r.state
	r.mu.Unlock()
	saying, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbyeWithin)
	defer cancel()
	if err := link.SetState(saying, state); err != nil {
		r.log.Warn("the hub was not told that the runner stops", "err", err)
	}
}

// Status implements control.Handler.
func (r *Runner) Status() control.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return control.Status{
		PID: r.state.PID, Connected: r.link != nil && r.link.Connected(), Problem: r.problem, Sessions: len(r.children.list()),
	}
}

// List implements control.Handler.
func (r *Runner) List() []control.Child {
	r.children.sweep()
	return r.children.list()
}

// Started implements control.Handler.
func (r *Runner) Started(in wire.SessionStarted, known bool) error {
	m := processOf(in)
	if m.PID <= 0 {
		return control.ErrUnknownProcess
	}
	return r.children.report(m.PID, in.SessionID, m.StartedBy, known)
}

// Starting implements control.Handler.
func (r *Runner) Starting(in control.Start) { r.children.starting(in.PID, in.Doing) }

// Ending implements control.Handler.
func (r *Runner) Ending(in wire.SessionStarted) { r.children.ending(processOf(in).PID) }

type reportingProcess struct {
	PID       int    `json:"hostPid"`
	StartedBy string `json:"startedBy"`
}

func processOf(in wire.SessionStarted) (m reportingProcess) {
	_ = json.Unmarshal(in.Metadata, &m) // what cannot be read names no process
	return m
}

// Stop implements control.Handler.
func (r *Runner) Stop() { r.stopSoon(wire.ShutdownByCLI) }
