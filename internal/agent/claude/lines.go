package claude

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

func newUUID() string { return uuid.NewString() }

func userLine(id, text string) any {
	return map[string]any{
		"type": "user", "uuid": id, "parent_tool_use_id": nil,
		"message": map[string]any{"role": "user", "content": text},
	}
}

// line is what Claude says, as far as it is looked at. Fields it does not have
// stay zero.
type line struct {
	Type            string          `json:"type"`
	Subtype         string          `json:"subtype"`
	SessionID       string          `json:"session_id"`
	UUID            string          `json:"uuid"`
	Timestamp       string          `json:"timestamp"`
	ParentToolUseID string          `json:"parent_tool_use_id"`
	Message         json.RawMessage `json:"message"`
	IsSynthetic     bool            `json:"isSynthetic"`
	IsMeta          bool            `json:"isMeta"`
	IsReplay        bool            `json:"isReplay"`
	APIRequestID    string          `json:"requestId"`
	ToolUseResult   json.RawMessage `json:"tool_use_result"`
	APIError        string          `json:"error"` // of an assistant line, when it is text

	// Of system lines.
	Model          string              `json:"model"`
	Tools          []string            `json:"tools"`
	SlashCommands  []string            `json:"slash_commands"`
	Skills         []string            `json:"skills"`
	PermissionMode wire.PermissionMode `json:"permissionMode"`
	CompactResult  string              `json:"compact_result"`
	CompactError   string              `json:"compact_error"`

	// Of command_lifecycle lines.
	CommandUUID string `json:"command_uuid"`
	State       string `json:"state"`

	// Of control lines.
	RequestID string          `json:"request_id"`
	Request   json.RawMessage `json:"request"`
	Response  struct {
		Subtype   string          `json:"subtype"`
		RequestID string          `json:"request_id"`
		Response  json.RawMessage `json:"response"`
		Error     string          `json:"error"`
	} `json:"response"`

	result
	raw []byte
}

// parseLine reads a line. Known fields of another type than expected stay zero.
func parseLine(raw []byte) (*line, error) {
	l := &line{}
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, l); err != nil && !errors.As(err, &mistyped) {
		return nil, err
	}
	l.raw = raw
	return l, nil
}

// handle deals with one line, on the process's reading goroutine. It never
// waits for a person.
func (c *conversation) handle(p *process, raw []byte) {
	l, err := parseLine(raw)
	if err != nil {
		p.garbage++
		c.log.Debug("claude printed something that is not its protocol", "bytes", len(raw), "lines", p.garbage)
		return
	}
	switch l.Type {
	case "control_request":
		c.asked(p, l)
	case "control_response":
		reply := controlReply{response: l.Response.Response}
		if l.Response.Subtype != "success" {
			reply.err = refusal(l.Response.Error)
		}
		p.replied(l.Response.RequestID, reply)
	case "control_cancel_request":
		p.withdrawAsk(l.RequestID, reasonWithdrawn)
	case "command_lifecycle":
		c.queuedOrStarted(l)
	default:
		c.record(l)
	}
}

// queuedOrStarted notes whether Claude is at our prompt yet: a result before
// that ends something it did by itself.
func (c *conversation) queuedOrStarted(l *line) {
	c.mu.Lock()
	t := c.turn
	ours := t != nil && t.uuid == l.CommandUUID
	if ours {
		t.queued = l.State == "queued"
	}
	c.mu.Unlock()
	if ours && (l.State == "started" || l.State == "processing" || l.State == "completed") {
		c.took(t)
	}
}

// begun is the running turn, if what Claude says now can be about it.
func (c *conversation) begun() *turn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn == nil || c.turn.queued {
		return nil
	}
	return c.turn
}

// record converts a line for the conversation and follows what it says about
// the turn.
func (c *conversation) record(l *line) {
	c.handling.Lock()
	defer c.handling.Unlock()
	if l.Type == "system" {
		c.system(l)
	}
	t := c.current()
	if l.Type == "assistant" && l.APIError == "authentication_failed" {
		if t != nil {
			t.notLoggedIn = true // told in our own words at the end of the turn
		}
		return
	}
	if l.Type == "user" && l.IsReplay && t == nil {
		return // an echo of a change of ours
	}
	if l.Type == "result" && noSuchConversation(strings.Join(l.Errors, "\n")) {
		c.finish(t, l) // no turn has been
		return
	}
	for _, r := range c.convert.records(l) {
		if t != nil && l.Type != "result" {
			t.said = true
		}
		c.host.Emit(r)
	}
	if l.Type == "result" {
		c.finish(t, l)
	}
}

func (c *conversation) system(l *line) {
	switch l.Subtype {
	case "init":
		c.learn(l)
		c.took(c.begun()) // each turn begins with it
	case "status":
		if t := c.current(); t != nil && l.CompactResult == "failed" {
			t.compactFail = l.CompactError
			if t.compactFail == "" {
				t.compactFail = "Compaction failed"
			}
		}
		c.modeChanged(l.PermissionMode)
	}
}

// learn takes over what a starting turn says: the conversation's id, and what
// Claude offers.
func (c *conversation) learn(l *line) {
	c.mu.Lock()
	noAuto := !c.started && c.config.PermissionMode == wire.ModeAuto && l.PermissionMode != "" && l.PermissionMode != wire.ModeAuto
	c.started = true
	if c.skills = l.Skills; c.skills == nil {
		c.skills = []string{}
	}
	fresh := l.SessionID != "" && l.SessionID != c.nativeID
	if fresh {
		c.nativeID, c.fork = l.SessionID, false
	}
	chosen := c.config.Model
	c.mu.Unlock()
	c.convert.begin(l, chosen)
	if noAuto {
		c.modeChanged(l.PermissionMode)
		c.host.Emit(notice("Claude does not offer auto mode with this model. It asks before it acts."))
	}
	if fresh {
		c.host.Resumable(l.SessionID)
	}
	if !c.forkable {
		c.forkable = true
		c.host.Past(agent.Past{ForkCurrent: true})
	}
	catalog := agent.Catalog{Tools: l.Tools, SlashCommands: without(l.SlashCommands, l.Skills)}
	if !sameCatalog(catalog, c.catalog) {
		c.catalog = catalog
		c.host.Catalog(catalog)
	}
}

func without(list, left []string) []string {
	drop := make(map[string]bool, len(left))
	for _, s := range left {
		drop[s] = true
	}
	kept := make([]string, 0, len(list))
	for _, s := range list {
		if !drop[s] {
			kept = append(kept, s)
		}
	}
	return kept
}

func sameCatalog(a, b agent.Catalog) bool {
	return strings.Join(a.Tools, "\n") == strings.Join(b.Tools, "\n") &&
		strings.Join(a.SlashCommands, "\n") == strings.Join(b.SlashCommands, "\n")
}

// modeChanged follows a change of mode that Claude made itself, such as going
// into planning. Its default stands for all modes that are ours.
func (c *conversation) modeChanged(m wire.PermissionMode) {
	if m == "" {
		return
	}
	c.mu.Lock()
	old := c.config.PermissionMode
	if nativeMode(old) == nativeMode(m) {
		c.mu.Unlock()
		return
	}
	c.config.PermissionMode = m
	c.mu.Unlock()
	c.host.ModeChanged(m)
}

// finish ends the turn that a result belongs to.
func (c *conversation) finish(t *turn, l *line) {
	if t == nil {
		return
	}
	c.mu.Lock()
	queued, interrupted := t.queued, t.interrupted
	c.mu.Unlock()
	switch {
	case interrupted:
		t.end(agent.ErrInterrupted)
	case queued:
		return
	default:
		outcome := c.outcome(t, l)
		if bad := (*badResume)(nil); !errors.As(outcome, &bad) {
			c.took(t)
		}
		t.end(outcome)
	}
}

// notice is an event of the conversation that tells people something.
func notice(text string) agent.Record {
	raw, err := json.Marshal(map[string]any{
		"role": "agent",
		"content": map[string]any{
			"id": newUUID(), "type": "event", "data": map[string]any{"type": "message", "message": text},
		},
	})
	if err != nil { // strings always marshal
		panic(err)
	}
	return agent.Record{Content: raw}
}
