package sessions

import (
	"context"
	"encoding/json"
	"time"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Alive takes a keep-alive. Activity is stamped with the hub's clock; the
// peer's time only tells a beat that was kept too long. Fields that do not
// validate are ignored.
func (s *Service) Alive(ctx context.Context, ns wire.Namespace, a wire.SessionAlive) error {
	now := s.now()
	if a.Time == nil || now.Sub(wire.Millis(int64(*a.Time)).Time()) > staleBeat {
		return nil
	}
	beat, err := s.beat(ns, &a, now) // strips what a person has changed since the beat was sent
	if err != nil {
		return err
	}
	if beat.durable {
		return s.store.Submit(ctx, s.beatJob(ctx, ns, &a, now))
	}
	if beat.tell {
		s.tell(patchEvent(ns, a.SID, beat.patch))
	}
	return nil
}

type beatOutcome struct {
	durable bool // something must be written: the patch follows the commit
	tell    bool
	patch   wire.SessionPatch
}

// beat updates what is live and says what else is to be done.
func (s *Service) beat(ns wire.Namespace, a *wire.SessionAlive, now time.Time) (beatOutcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.lookupLocked(ns, a.SID)
	if err != nil {
		return beatOutcome{}, err
	}
	l := &e.live
	l.activeAt = max(l.activeAt, wire.At(now))
	l.config.strip(a, wire.At(now))
	changed := l.think(a.Thinking != nil && *a.Thinking, now)
	changed = l.adoptModes(e.view.flavor(), a) || changed
	if changed {
		e.notify()
	}
	out := beatOutcome{durable: !e.row.Active || storedFieldsDiffer(e, a) || now.Sub(l.activeAsOfDB.Time()) > patchEvery}
	out.tell = changed || now.Sub(l.lastPatch) > patchEvery
	if out.tell && !out.durable {
		l.lastPatch = now
		out.patch = e.alivePatch()
	}
	return out, nil
}

// think applies a beat's word on thinking and says whether anything changed.
func (l *live) think(says bool, now time.Time) bool {
	held := !says && now.Before(l.graceUntil)
	if says {
		l.graceUntil, l.promptWaits = time.Time{}, false
	}
	before, turnBefore := l.thinking, l.turnStartedAt
	l.thinking, l.thinkingAt = says || held, wire.At(now)
	switch {
	case !l.thinking:
		l.turnStartedAt = nil
	case l.turnStartedAt == nil, held && l.promptWaits:
		at := wire.At(now)
		l.turnStartedAt = &at
	}
	return before != l.thinking || (turnBefore == nil) != (l.turnStartedAt == nil)
}

func (l *live) adoptModes(f wire.Flavor, a *wire.SessionAlive) (changed bool) {
	if a.PermissionMode != "" && a.PermissionMode != l.permissionMode && f.Allows(a.PermissionMode) {
		l.permissionMode, changed = a.PermissionMode, true
	}
	if (a.CollaborationMode == "default" || a.CollaborationMode == "plan") && a.CollaborationMode != l.collaborationMode {
		l.collaborationMode, changed = a.CollaborationMode, true
	}
	switch a.CopilotAgentMode {
	case "interactive", "plan", "autopilot":
		if a.CopilotAgentMode != l.copilotAgentMode {
			l.copilotAgentMode, changed = a.CopilotAgentMode, true
		}
	}
	return changed
}

// storedFieldsDiffer says whether the beat carries a value that is to be kept
// and is not yet.
func storedFieldsDiffer(e *entry, a *wire.SessionAlive) bool {
	row := e.row
	return adoptStored(&row, a) || len(e.preferences(e.view)) > 0
}

func adoptStored(row *store.Session, a *wire.SessionAlive) (changed bool) {
	for _, f := range []struct {
		raw  json.RawMessage
		into **string
	}{{a.Model, &row.Model}, {a.ModelReasoningEffort, &row.ModelReasoningEffort}, {a.Effort, &row.Effort}, {a.ServiceTier, &row.ServiceTier}} {
		if len(f.raw) == 0 {
			continue
		}
		var v *string
		if json.Unmarshal(f.raw, &v) != nil || same(v, *f.into) {
			continue
		}
		*f.into, changed = v, true
	}
	return changed
}

func same(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// preferences are the metadata keys that should remember the session's modes
// and do not. Without valid metadata there is nowhere to keep them.
func (e *entry) preferences(v MetadataView) map[string]string {
	prefer := map[string]string{}
	if v.Path == "" && v.Host == "" {
		return prefer
	}
	if m := e.live.permissionMode; m != "" && m != v.PreferredPermissionMode {
		prefer["preferredPermissionMode"] = string(m)
	}
	if m := e.live.copilotAgentMode; m != "" && m != v.PreferredCopilotMode {
		prefer["preferredCopilotAgentMode"] = m
	}
	return prefer
}

// beatJob makes a beat's lasting part durable: that the session is active, its
// model and effort, and the modes to prefer at the next resume.
func (s *Service) beatJob(ctx context.Context, ns wire.Namespace, a *wire.SessionAlive, now time.Time) store.Job {
	j := s.job(ctx, a.SID, func(tx *store.Tx, row *store.Session) (bool, error) {
		if row == nil {
			return false, nil
		}
		if !row.Active {
			if err := s.revive(tx, row); err != nil {
				return false, err
			}
		}
		row.Active, row.ActiveAt = true, max(row.ActiveAt, wire.At(now))
		adoptStored(row, a)
		return true, s.keepPreferences(row)
	})
	applied := j.Applied
	j.Applied = func() {
		applied()
		s.tellAlive(ns, a.SID, now)
	}
	j.Done = s.logFailure(a.SID, "keep-alive")
	return j
}

// tellAlive tells watchers the state after a beat. The patch describes memory,
// which Applied has just brought up to date, so it is made here and not in the
// transaction.
func (s *Service) tellAlive(ns wire.Namespace, id wire.SessionID, now time.Time) {
	s.mu.Lock()
	e := s.all[id]
	if e == nil {
		s.mu.Unlock()
		return
	}
	e.live.lastPatch = now
	patch := e.alivePatch()
	s.mu.Unlock()
	s.tell(patchEvent(ns, id, patch))
}

func (s *Service) keepPreferences(row *store.Session) error {
	_, view := present(row)
	s.mu.RLock()
	var prefer map[string]string
	if e := s.all[row.ID]; e != nil {
		prefer = e.preferences(view)
	}
	s.mu.RUnlock()
	if len(prefer) == 0 {
		return nil
	}
	return editMetadata(row, func(m map[string]json.RawMessage) {
		for key, value := range prefer {
			m[key] = wire.AppendString(nil, value)
		}
	})
}

// alivePatch is the patch of a keep-alive. The caller holds mu.
func (e *entry) alivePatch() wire.SessionPatch {
	w := e.show()
	active := true
	return wire.SessionPatch{
		Active: &active, ActiveAt: &w.ActiveAt, Thinking: &w.Thinking, ActiveTurnStartedAt: &w.ActiveTurnStartedAt,
		PermissionMode: w.PermissionMode, Model: &w.Model, ModelReasoningEffort: &w.ModelReasoningEffort,
		Effort: &w.Effort, ServiceTier: &w.ServiceTier, CollaborationMode: w.CollaborationMode, CopilotAgentMode: w.CopilotAgentMode,
	}
}

func (s *Service) logFailure(id wire.SessionID, what string) func(error) {
	return func(err error) {
		if err != nil {
			s.log.Error("session write failed", "session", id, "what", what, "err", err)
		}
	}
}

// PromptAccepted shows the session as thinking from the moment a prompt was
// accepted, until its agent says otherwise or the grace time is over.
func (s *Service) PromptAccepted(id wire.SessionID, at wire.Millis) {
	s.mu.Lock()
	e := s.all[id]
	if e == nil || !e.row.Active {
		s.mu.Unlock()
		return
	}
	l := &e.live
	changed := !l.thinking
	if changed {
		l.thinking, l.turnStartedAt = true, &at
	}
	l.thinkingAt = at
	l.graceUntil, l.promptWaits = s.now().Add(thinkingGrace), true
	ns, turn, updated := e.row.Namespace, l.turnStartedAt, e.row.UpdatedAt
	s.mu.Unlock()
	if changed {
		thinking := true
		s.tell(patchEvent(ns, id, wire.SessionPatch{Thinking: &thinking, ActiveTurnStartedAt: &turn, UpdatedAt: &updated}))
	}
}

// PromptsConsumed notes that the agent took prompts. endGrace says that no turn
// follows from them.
func (s *Service) PromptsConsumed(id wire.SessionID, endGrace bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.all[id]
	if e == nil {
		return
	}
	e.live.promptWaits = false
	if endGrace {
		e.live.graceUntil = time.Time{}
	}
}
