package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

// EndReason is why a session ended, as the hub tells people.
type EndReason string

// The reasons.
const (
	EndCompleted  EndReason = "completed"
	EndTerminated EndReason = "terminated"
	EndError      EndReason = "error"
	EndHandoff    EndReason = "handoff"
)

// Ending is how a session ends. It is an error so that it can be the cause of a
// cancelled context.
type Ending struct {
	Reason  EndReason
	Archive string // in words, for the session's metadata
}

func (e Ending) Error() string { return e.Archive }

func endingOf(cause error) Ending {
	var e Ending
	if errors.As(cause, &e) {
		return e
	}
	return Ending{Reason: EndTerminated, Archive: "User terminated"}
}

// end makes Run return. Only the first reason counts.
func (s *Session) end(e Ending) { s.stop(e) }

// Facts describe a session and its machine.
type Facts struct {
	MachineID  wire.MachineID
	Machine    map[string]any // machine metadata
	Metadata   map[string]any // session metadata of a new session
	ExistingID wire.SessionID // empty: a new session
}

// keptKeys of an existing session's metadata stay when a new process takes the
// session over; everything else is what the new process says.
var keptKeys = []string{
	"name", "summary", "claudeSessionId", "codexSessionId", "geminiSessionId", "opencodeSessionId", "acpSessionId", "preferredPermissionMode",
	"tools", "slashCommands", "worktree", "forkedFrom", "ptyResumeAttempt",
	"codexSourceSessionId",
	historyPoints, "conversationHistoryIndexes", historyTurns, "conversationHistoryEntryIds", "conversationHistoryDiverged",
}

// historyCapability is the one of the capabilities that stays likewise: the agent
// says it again when it has its conversation open.
const historyCapability = "conversationHistory"

// keyedRows in a session's metadata says that its rows from a terminal have keys.
const keyedRows = "keyedRows"

// establish registers the machine, and makes the session's row or reads it.
func establish(ctx context.Context, client *hubclient.Client, o *Options) (wire.Session, error) {
	machine, err := describeMachine(&o.Facts)
	if err != nil {
		return wire.Session{}, fmt.Errorf("describe the machine: %w", err)
	}
	o.Facts.tellProgress(ctx, o.Logger, "making itself known to the hub")
	if _, err := client.CreateMachine(ctx, *machine); err != nil {
		return wire.Session{}, fmt.Errorf("register this machine: %w", err)
	}
	o.Facts.tellProgress(ctx, o.Logger, "asking the hub for its session")
	if o.Facts.ExistingID != "" {
		return takeOver(ctx, client, o)
	}
	in, err := describe(o)
	if err != nil {
		return wire.Session{}, err
	}
	row, err := client.CreateSession(ctx, in)
	if err != nil {
		return row, fmt.Errorf("create the session: %w", err)
	}
	return row, nil
}

// describe is a new session as the hub is told of it.
func describe(o *Options) (wire.CreateSession, error) {
	metadata, err := json.Marshal(o.Facts.Metadata)
	if err != nil {
		return wire.CreateSession{}, fmt.Errorf("describe the session: %w", err)
	}
	in := wire.CreateSession{Tag: uuid.NewString(), Metadata: metadata, AgentState: json.RawMessage("{}")}
	if c := o.Open.Config; c.Model != "" {
		in.Model = &c.Model
	}
	if c := o.Open.Config; c.Effort != "" {
		if o.Agent.Flavor().Has(wire.KeyReasoningEffort) {
			in.ModelReasoningEffort = &c.Effort
		} else {
			in.Effort = &c.Effort
		}
	}
	return in, nil
}

// describeMachine is this machine as the hub is told of it.
func describeMachine(f *Facts) (*wire.CreateMachine, error) {
	raw, err := json.Marshal(f.Machine)
	return &wire.CreateMachine{ID: f.MachineID, Metadata: raw, RunnerState: json.RawMessage("null")}, err
}

// takeOver reads an existing session, resumes its agent's conversation, and
// keeps its mode unless another was asked for.
func takeOver(ctx context.Context, client *hubclient.Client, o *Options) (wire.Session, error) {
	row, err := client.Session(ctx, o.Facts.ExistingID)
	if err != nil {
		return row, fmt.Errorf("read session %s: %w", o.Facts.ExistingID, err)
	}
	var old map[string]json.RawMessage
	if err := json.Unmarshal(row.Metadata, &old); err != nil {
		return row, fmt.Errorf("read the metadata of session %s: %w", row.ID, err)
	}
	if o.Open.Resume == "" {
		_ = json.Unmarshal(old[o.Agent.Flavor().NativeIDKey()], &o.Open.Resume) // without one it begins anew
	}
	var source string
	_ = json.Unmarshal(old["codexSourceSessionId"], &source) // of an imported conversation
	if source != "" && source == o.Open.Resume {
		o.Open.Fork = true // what was imported is not written to
	}
	_ = json.Unmarshal(old[keyedRows], &o.Open.Keyed) // another program's rows have no keys
	if o.Open.Config.PermissionMode == "" {
		_ = json.Unmarshal(old["preferredPermissionMode"], &o.Open.Config.PermissionMode) // or the default
	}
	inherit(&o.Open.Config, &row, o.Agent.Flavor())
	return row, nil
}

// refresh brings an existing row's metadata up to date with this process.
func refresh(m map[string]json.RawMessage, fresh map[string]any) {
	kept := map[string]json.RawMessage{}
	for _, key := range keptKeys {
		if v, ok := m[key]; ok {
			kept[key] = v
		}
	}
	history := member(m["capabilities"], historyCapability)
	clear(m)
	for key, v := range fresh {
		m[key] = mustObject(v)
	}
	for key, v := range kept {
		m[key] = v
	}
	if history != nil {
		put(m, "capabilities", historyCapability, history)
	}
}

// member is what an object of metadata has under a name; nil: nothing.
func member(object json.RawMessage, name string) json.RawMessage {
	var all map[string]json.RawMessage
	_ = json.Unmarshal(object, &all) // what is no object has no members
	return all[name]
}

// put sets a member of an object of metadata; nil takes it away.
func put(m map[string]json.RawMessage, object, name string, value json.RawMessage) {
	all := map[string]json.RawMessage{}
	_ = json.Unmarshal(m[object], &all) // what is no object is replaced by one
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	if all[name] = value; value == nil {
		delete(all, name)
	}
	m[object] = mustObject(all)
}

// Times of the goodbye.
const (
	archiveWithin = 3 * time.Second
	flushWithin   = 5 * time.Second
)

// leave tells the hub that the session has ended. Without a hub it gives up
// after a few seconds.
func (s *Session) leave(ctx context.Context, e Ending) {
	ctx = context.WithoutCancel(ctx)
	if !s.rowCame(ctx) {
		if err := errors.Join(s.uploads.Close(), s.files.Close()); err != nil {
			s.log.Warn("the session did not clean up", "err", err)
		}
		return
	}
	no := false
	s.link.SetAlive(func(a *wire.SessionAlive) { a.Thinking = &no })
	archiving, cancel := context.WithTimeout(ctx, archiveWithin)
	defer cancel()
	err := s.closeRequests(archiving)
	err = errors.Join(err, s.link.UpdateMetadata(archiving, func(m map[string]json.RawMessage) {
		m["lifecycleState"] = json.RawMessage(`"archived"`)
		m["lifecycleStateSince"] = mustObject(time.Now().UnixMilli())
		m["archivedBy"] = json.RawMessage(`"cli"`)
		m["archiveReason"] = mustObject(e.Archive)
	}))
	ending, cancelEnd := context.WithTimeout(ctx, flushWithin)
	defer cancelEnd()
	if err = errors.Join(err, s.link.End(ending, string(e.Reason)), s.uploads.Close(), s.files.Close()); err != nil {
		s.log.Warn("the hub may not know that the session has ended, or all of what was said", "err", err)
	}
}

// rowCame waits a moment for a row that is still to come, and says whether the hub
// has it.
func (s *Session) rowCame(ctx context.Context) bool {
	if s.stored.isNeeded() {
		ctx, cancel := context.WithTimeout(ctx, flushWithin)
		defer cancel()
		_ = s.stored.await(ctx) // Unsaved says why not
	}
	return s.stored.isStored()
}

// closeRequests cancels what still waits for a person. A session that cannot
// say so now is cleared up by its next process.
func (s *Session) closeRequests(ctx context.Context) error {
	if st, err := s.link.State(); err == nil && len(st.Requests) == 0 {
		return nil
	}
	return s.link.UpdateState(ctx, func(st *wire.AgentState) { abandon(st, "Session ended") })
}
