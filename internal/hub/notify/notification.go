package notify

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"hapi/internal/hub/extract"
	"hapi/internal/hub/sessions"
	"hapi/internal/wire"
)

// Kind is what a notification is about, as clients know it.
type Kind string

// The kinds.
const (
	Permission Kind = "permission-request"
	Ready      Kind = "ready"
	Task       Kind = "task-notification"
)

func kindOf(n extract.Notice) Kind {
	if n.Ready {
		return Ready
	}
	return Task
}

// Notification is one thing that deserves a person's attention. Clients match
// its texts (http contract §6.10), so they are never changed.
type Notification struct {
	Namespace   wire.Namespace
	SessionID   wire.SessionID
	Kind        Kind
	RequestID   wire.RequestID // of a permission request
	Title, Body string
	Params      wire.NoticeParams // what the texts were made from

	still func() bool // nil: it stays true
}

// Still says whether it still deserves attention.
func (n *Notification) Still() bool { return n.still == nil || n.still() }

// URL is where a client shows it.
func (n *Notification) URL() string { return "/sessions/" + string(n.SessionID) }

// Tag is the same for notifications that replace each other. Tasks do not.
func (n *Notification) Tag() string {
	switch n.Kind {
	case Permission:
		return "permission-" + string(n.SessionID)
	case Ready:
		return "ready-" + string(n.SessionID)
	case Task:
	}
	return ""
}

func supersedes(old, next *Notification) bool { return next.Tag() != "" && old.Tag() == next.Tag() }

// In bytes; no screen shows more.
const (
	longestBody  = 1000
	longestParam = 500
)

func newNotification(w *wire.Session, kind Kind, title, body string) *Notification {
	return &Notification{
		Namespace: w.Namespace, SessionID: w.ID, Kind: kind, Title: title, Body: cut(body, longestBody),
		Params: wire.NoticeParams{Agent: agentOf(w), Session: cut(nameOf(w), longestParam)},
	}
}

func permission(w *wire.Session, id wire.RequestID, tool string) *Notification {
	body := nameOf(w)
	if tool != "" {
		body += " (" + tool + ")"
	}
	n := newNotification(w, Permission, "Permission Request", body)
	n.RequestID = id
	n.Params.Tool = cut(tool, longestParam)
	return n
}

func ready(w *wire.Session) *Notification {
	return newNotification(w, Ready, "Ready for input", agentOf(w)+" is waiting in "+nameOf(w))
}

func task(w *wire.Session, t *extract.TaskEnd) *Notification {
	title := "Task completed"
	if t.Failed {
		title = "Task failed"
	}
	n := newNotification(w, Task, title, agentOf(w)+" · "+nameOf(w)+" · "+t.Summary)
	n.Params.Summary, n.Params.Failed = cut(t.Summary, longestParam), t.Failed
	return n
}

// nameOf is how people know the session.
func nameOf(w *wire.Session) string {
	v := sessions.Metadata(w)
	var summary string
	if v.Summary != nil {
		summary = v.Summary.Text
	}
	path := strings.TrimRight(v.Path, "/")
	return cmp.Or(strings.TrimSpace(v.Name), strings.TrimSpace(summary), path[strings.LastIndexByte(path, '/')+1:], cut8(w.ID))
}

func cut8(id wire.SessionID) string { return string(id[:min(8, len(id))]) }

func agentOf(w *wire.Session) string {
	var flavor wire.Flavor // an unknown one
	if v := sessions.Metadata(w); v.Flavor != nil {
		flavor = *v.Flavor
	}
	return flavor.Label()
}

// cut shortens a text to so many bytes, between characters.
func cut(text string, most int) string {
	const more = "…"
	if len(text) <= most {
		return text
	}
	end := max(0, most-len(more))
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}
