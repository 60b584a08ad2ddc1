package opencode

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"hapi/internal/agent"
	"hapi/internal/agent/opencode/api"
	"hapi/internal/wire"
)

// mirror tells what goes on in OpenCode's interface (agents-acp contract §4). It
// is used by one goroutine at a time.
type mirror struct {
	host   agent.Host
	log    *slog.Logger
	o      agent.Options
	server *api.Server
	dir    string
	began  int64 // when it was started, in Unix milliseconds

	met    bool // its stream was heard
	closed bool // OpenCode has said that it is done: nothing follows
	behind bool // there is something that the stream did not tell

	native   string          // the conversation; empty: not known yet
	since    int64           // what was said before was told before
	fork     bool            // it will be one that is made of another
	children map[string]bool // conversations of sub-agents
	history  bool            // what was said before is told now

	messages map[string]*message // by id
	order    []string            // their ids
	told     map[string]bool     // keys of rows
	calls    map[string]call     // tool calls, by their id
	open     []string            // ids of those without a result
	asked    map[string]func(status, reason string)
	retries  api.Retries

	working bool
	title   string
	normal  wire.PermissionMode // the one besides planning
	config  agent.Config        // as it is known
}

func newMirror(h agent.Host, o agent.Options, server *api.Server) *mirror {
	m := &mirror{
		host: h, log: o.Logger, o: o, server: server, dir: realPath(o.Dir), began: time.Now().UnixMilli(), fork: o.Fork, history: o.Untold && o.Resume != "",
		children: map[string]bool{}, messages: map[string]*message{}, told: map[string]bool{}, calls: map[string]call{}, asked: map[string]func(status, reason string){},
		normal: o.Config.PermissionMode, config: o.Config,
	}
	if !o.Fork {
		m.native = o.Resume
	}
	if !m.history {
		m.since = m.began
	}
	if m.normal == wire.ModePlan || m.normal == "" {
		m.normal = wire.ModeDefault
	}
	return m
}

// session is one of OpenCode's.
type session struct {
	ID        string `json:"id"`
	ParentID  string `json:"parentID"`
	Directory string `json:"directory"`
	Title     string `json:"title"`
	Time      struct {
		Created int64 `json:"created"`
	} `json:"time"`
}

// began says whether the session is younger than that.
func (s *session) began(than int64) bool { return s.ParentID == "" && s.Time.Created >= than }

// event takes one of the stream's.
func (m *mirror) event(ctx context.Context, raw []byte) {
	var e struct {
		Payload struct {
			Type       string          `json:"type"`
			Properties json.RawMessage `json:"properties"`
		} `json:"payload"`
	}
	if bytes.Contains(raw, []byte(`"type":"message.part.delta"`)) || json.Unmarshal(raw, &e) != nil { // texts are told when they are whole
		return
	}
	kind, properties := e.Payload.Type, e.Payload.Properties
	var p struct {
		SessionID string     `json:"sessionID"`
		Status    api.Status `json:"status"`
		Info      session    `json:"info"`
	}
	switch kind {
	case "server.connected":
		m.met, m.closed = true, false
		m.catchUp(ctx)
		return
	case "server.instance.disposed":
		m.closed = true
		return
	}
	switch family, _, _ := strings.Cut(kind, "."); family {
	case "session", "message", "permission", "question":
	default:
		return
	}
	if json.Unmarshal(properties, &p) != nil {
		return
	}
	m.closed = false
	switch kind {
	case "session.created":
		m.created(&p.Info)
	case "session.updated":
		if p.Info.ID == m.native {
			m.titled(p.Info.Title)
		}
	case "session.status":
		if p.SessionID == m.native {
			m.status(ctx, p.Status)
		}
	case "message.updated":
		m.heard(ctx, properties)
	case "message.part.updated":
		m.heardPart(properties)
	default:
		m.request(kind, properties)
	}
}

// created takes note of a new session: a sub-agent's, or the one that is used
// from now on.
func (m *mirror) created(s *session) {
	switch {
	case s.ID == "":
	case s.ParentID != "":
		if s.ParentID == m.native || m.children[s.ParentID] {
			m.children[s.ID] = true
		}
	case s.ID != m.native:
		since := s.Time.Created // what is older was copied
		if m.fork && m.history {
			since = 0
		}
		m.adopt(s.ID, since)
		m.titled(s.Title)
	}
}

// adopt makes a session the conversation.
func (m *mirror) adopt(id string, since int64) {
	m.settleAll("The person went on with another conversation")
	m.work(false)
	m.native, m.since, m.fork, m.title = id, since, false, ""
	m.host.Resumable(id)
}

// titled passes OpenCode's own title on. That of a conversation that goes on is
// known.
func (m *mirror) titled(title string) {
	title = strings.Join(strings.Fields(title), " ")
	if title == m.title || agent.IsPlaceholderTitle(title) {
		return
	}
	known := m.title == "" && m.native == m.o.Resume && !m.history
	m.title = title
	if !known {
		m.host.Titled(title)
	}
}

// status follows whether OpenCode works.
func (m *mirror) status(ctx context.Context, s api.Status) {
	if m.retries.Tell(s) {
		why := api.OneLine(s.Message)
		if why == "" {
			why = "the model does not answer"
		}
		m.host.Emit(agent.Retried(s.Attempt, why))
	}
	if s.Type != "idle" {
		m.work(true)
		return
	}
	if m.behind {
		m.catchUp(ctx)
	}
	m.conclude()
	m.settleAll("Prompt finished")
	m.work(false)
}

func (m *mirror) work(yes bool) {
	if m.working != yes {
		m.working = yes
		m.host.Working(yes)
	}
}

// heard takes a message: who said it, and how it ended.
func (m *mirror) heard(ctx context.Context, properties json.RawMessage) {
	var p struct {
		Info info `json:"info"`
	}
	if json.Unmarshal(properties, &p) != nil || p.Info.ID == "" {
		return
	}
	i := &p.Info
	if i.Role == roleUser && i.SessionID != m.native && !m.children[i.SessionID] && i.Time.Created >= m.began && m.messages[i.ID] == nil {
		m.chosen(ctx, i)
	}
	if i.SessionID == m.native {
		m.learn(i)
	}
}

// chosen follows a person who goes on with an earlier conversation.
func (m *mirror) chosen(ctx context.Context, i *info) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	var s session
	if err := m.server.Call(ctx, http.MethodGet, "/session/"+i.SessionID, nil, &s); err != nil {
		m.log.Warn("OpenCode did not say what conversation a prompt is of", "err", err)
		return
	}
	if s.ParentID != "" { // a sub-agent's
		m.children[s.ID] = true
		return
	}
	m.adopt(s.ID, i.Time.Created)
	m.titled(s.Title)
}

func (m *mirror) heardPart(properties json.RawMessage) {
	var p struct {
		Part part `json:"part"`
	}
	if json.Unmarshal(properties, &p) != nil || p.Part.SessionID != m.native {
		return
	}
	said := m.messages[p.Part.MessageID]
	if said == nil { // it was begun while nobody listened
		m.behind = true
		return
	}
	m.part(said, &p.Part, false)
}

// request shows what OpenCode asks its person, and what the person answered.
func (m *mirror) request(kind string, properties json.RawMessage) {
	var p struct {
		ID         string          `json:"id"`
		RequestID  string          `json:"requestID"`
		SessionID  string          `json:"sessionID"`
		Permission string          `json:"permission"`
		Type       string          `json:"type"`
		Metadata   json.RawMessage `json:"metadata"`
		Questions  json.RawMessage `json:"questions"`
		Reply      string          `json:"reply"`
		Response   string          `json:"response"`
		Tool       struct {
			CallID string `json:"callID"`
		} `json:"tool"`
	}
	if json.Unmarshal(properties, &p) != nil || p.SessionID != m.native && !m.children[p.SessionID] {
		return
	}
	r := agent.PermissionRequest{ID: wire.RequestID(cmp.Or(p.Tool.CallID, p.ID)), Tool: cmp.Or(p.Permission, p.Type), Arguments: p.Metadata}
	if c, ok := m.calls[p.Tool.CallID]; ok {
		r.Tool, r.Arguments = c.name, c.input
	}
	answered := cmp.Or(p.RequestID, p.ID)
	switch kind {
	case "permission.asked", "permission.updated":
		m.observe(p.ID, r)
	case "question.asked":
		r.Tool, r.Arguments = askTool, questions(p.Questions)
		m.observe(p.ID, r)
	case "permission.replied":
		status := wire.StatusApproved
		if reply := cmp.Or(p.Reply, p.Response); reply != "once" && reply != "always" {
			status = wire.StatusDenied
		}
		m.settle(answered, status, "")
	case "question.replied":
		m.settle(answered, wire.StatusApproved, "")
	case "question.rejected":
		m.settle(answered, wire.StatusDenied, "")
	}
}

func (m *mirror) observe(id string, r agent.PermissionRequest) {
	if id == "" || m.asked[id] != nil {
		return
	}
	m.asked[id] = m.host.Observed(r)
}

func (m *mirror) settle(id, status, reason string) {
	if settle := m.asked[id]; settle != nil {
		settle(status, reason)
		delete(m.asked, id)
	}
}

func (m *mirror) settleAll(why string) {
	for id := range m.asked {
		m.settle(id, wire.StatusCanceled, why)
	}
}

// incomplete says whether OpenCode may have said more than it told.
func (m *mirror) incomplete() bool { return m.native != "" && (!m.closed || m.behind) }

// finish ends in the conversation what will not end any more.
func (m *mirror) finish() {
	m.conclude()
	m.closeCalls()
	m.settleAll("Session ended")
}

// notice is a remark of ours in the conversation.
func (m *mirror) notice(text string) { m.host.Emit(event(text)) }

func event(text string) agent.Record {
	return agent.Event(map[string]any{"type": "message", "message": text})
}
