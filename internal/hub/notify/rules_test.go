package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/hub/extract"
	"hapi/internal/wire"
)

// fakeSessions are sessions as a test says.
type fakeSessions map[wire.SessionID]*wire.Session

func (f fakeSessions) Get(_ wire.Namespace, id wire.SessionID) (wire.Session, error) {
	if w := f[id]; w != nil {
		return *w, nil
	}
	return wire.Session{}, wire.ErrSessionNotFound
}

// table is rules over one session, and a clock that a test moves.
type table struct {
	t        *testing.T
	sessions fakeSessions
	rules    *rules
	now      time.Time
}

func newTable(t *testing.T) *table {
	w := &wire.Session{ID: "session-1", Namespace: "default", Active: true, Metadata: json.RawMessage(`{"path":"/work/app","host":"h","flavor":"claude"}`)}
	f := fakeSessions{w.ID: w}
	return &table{t: t, sessions: f, rules: newRules(f), now: time.UnixMilli(1_700_000_000_000)}
}

func (tb *table) session() *wire.Session { return tb.sessions["session-1"] }

// requests writes the agent state, with a request for each id.
func (tb *table) requests(ids ...string) {
	var list []string
	for _, id := range ids {
		list = append(list, fmt.Sprintf(`%q:{"tool":"Tool of %s","arguments":{}}`, id, id))
	}
	tb.state(`{"requests":{` + strings.Join(list, ",") + `}}`)
}

func (tb *table) state(raw string) {
	tb.session().AgentState = json.RawMessage(raw)
	tb.look()
}

func (tb *table) look() { tb.rules.look("default", "session-1", tb.now) }

func (tb *table) active(is bool) {
	tb.session().Active = is
	tb.look()
}

// after moves the clock and gives what is told by then.
func (tb *table) after(d time.Duration) (told []string) {
	tb.now = tb.now.Add(d)
	return texts(tb.rules.due(tb.now))
}

func (tb *table) says(n extract.Notice) []string {
	return texts(tb.rules.hear(heard{"default", "session-1", n, wire.At(tb.now)}, tb.now))
}

func (tb *table) want(what string, got []string, want ...string) {
	tb.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		tb.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func texts(list []*Notification) (out []string) {
	for _, n := range list {
		out = append(out, strings.TrimSuffix(n.Title+": "+n.Body+" "+string(n.RequestID), " "))
	}
	return out
}

func TestRequestIsToldOnceItHasSettled(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	tb.requests("a")
	tb.want("at once", tb.after(0))
	tb.want("too early", tb.after(settle-time.Millisecond))
	tb.want("settled", tb.after(time.Millisecond), "Permission Request: app (Tool of a) a")
	tb.look()
	tb.want("again", tb.after(time.Hour))
	if _, waiting := tb.rules.next(); waiting {
		t.Error("the rules wait for nothing")
	}
}

func TestSeveralRequestsAreOneInterruption(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	tb.requests("z")
	tb.want("the first alone", tb.after(400*time.Millisecond))
	tb.requests("z", "a")
	tb.want("the second starts the wait anew", tb.after(400*time.Millisecond))
	tb.want("the newest is named", tb.after(100*time.Millisecond), "Permission Request: app (Tool of a) a")
	tb.requests("z", "a", "m")
	tb.want("a third", tb.after(settle), "Permission Request: app (Tool of m) m")
}

func TestRequestAnsweredBeforeItSettledIsNotTold(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	tb.requests("a")
	tb.requests()
	tb.want("answered", tb.after(settle))
	tb.requests("b", "c")
	tb.requests("b")
	tb.want("the newest answered", tb.after(settle), "Permission Request: app (Tool of b) b")
}

func TestSilenceAboutRequestsForgetsNothing(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	tb.requests("a")
	tb.want("first", tb.after(settle), "Permission Request: app (Tool of a) a")
	for _, state := range []string{`{}`, `{"requests":null}`, `null`, ``} {
		tb.state(state)
		tb.requests("a")
		tb.want("after "+state, tb.after(settle))
	}
	tb.requests()
	tb.requests("a")
	tb.want("after an empty list", tb.after(settle), "Permission Request: app (Tool of a) a")
}

func TestInactiveSessionIsForgotten(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	tb.requests("a")
	tb.active(false)
	tb.want("while settling", tb.after(settle))
	tb.want("ready", tb.says(extract.Notice{Ready: true}))
	tb.want("task", tb.says(extract.Notice{Task: &extract.TaskEnd{Summary: "s"}}))
	tb.active(true)
	tb.want("when it is back", tb.after(settle), "Permission Request: app (Tool of a) a")
	tb.want("ready", tb.says(extract.Notice{Ready: true}), "Ready for input: Claude is waiting in app")
	tb.active(false)
	tb.active(true)
	tb.want("ready without cooldown", tb.says(extract.Notice{Ready: true}), "Ready for input: Claude is waiting in app")
	delete(tb.sessions, "session-1")
	tb.look()
	if len(tb.rules.watched) != 0 || len(tb.rules.settling) != 0 {
		t.Error("a deleted session is kept")
	}
	tb.want("deleted", tb.after(settle))
}

func TestReadyCoolsDown(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	const told = "Ready for input: Claude is waiting in app"
	tb.want("first", tb.says(extract.Notice{Ready: true}), told)
	tb.after(readyEvery - time.Millisecond)
	tb.want("too soon", tb.says(extract.Notice{Ready: true}))
	tb.after(time.Millisecond)
	tb.want("later", tb.says(extract.Notice{Ready: true}), told)
}

func TestTasksAreToldEachUnlessTheyAreOld(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	tb.want("completed", tb.says(extract.Notice{Task: &extract.TaskEnd{Summary: "tests ran"}}), "Task completed: Claude · app · tests ran")
	tb.want("failed", tb.says(extract.Notice{Task: &extract.TaskEnd{Summary: "tests ran", Failed: true}}), "Task failed: Claude · app · tests ran")
	old := heard{"default", "session-1", extract.Notice{Task: &extract.TaskEnd{Summary: "s"}}, wire.At(tb.now.Add(-2 * time.Hour))}
	tb.want("from an old transcript", texts(tb.rules.hear(old, tb.now)))
}

func TestRestartedHubRemembersWhatWasTold(t *testing.T) {
	t.Parallel()
	back := func(told time.Duration, away time.Duration) []string {
		tb := newTable(t)
		tb.session().Active = false
		tb.session().AgentState = json.RawMessage(`{"requests":{"a":{"tool":"Bash","arguments":{}}}}`)
		tb.session().UpdatedAt = wire.At(tb.now.Add(-told))
		tb.rules.remember(tb.session(), tb.now)
		tb.look()
		tb.now = tb.now.Add(away)
		tb.active(true)
		list := tb.after(settle)
		tb.state(`{"requests":{"a":{"tool":"Bash","arguments":{}},"b":{"tool":"New","arguments":{}}}}`)
		return append(list, tb.after(settle)...)
	}
	const old, another = "Permission Request: app (Bash) a", "Permission Request: app (New) b"
	for name, tt := range map[string]struct {
		told, away time.Duration
		want       []string
	}{
		"told before":                {time.Hour, time.Second, []string{another}},
		"perhaps not told":           {time.Second, time.Second, []string{old, another}},
		"away for long all the same": {time.Hour, time.Hour, []string{old, another}},
	} {
		if diff := cmp.Diff(tt.want, back(tt.told, tt.away)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for metadata, want := range map[string]string{
		`{"path":"/work/app","host":"h","flavor":"codex","name":"Mine","summary":{"text":"Sum","updatedAt":1}}`: "Codex is waiting in Mine",
		`{"path":"/work/app","host":"h","flavor":"grok","summary":{"text":"Sum","updatedAt":1}}`:                "Grok Build is waiting in Sum",
		`{"path":"/work/app/","host":"h","flavor":"dsh"}`:                                                       "DeepSeek Harness is waiting in app",
		`{"path":"/","host":"h","flavor":"something"}`:                                                          "Agent is waiting in session-",
		`{"path":"/work","host":"h"}`:                                                                           "Agent is waiting in work",
		`null`:                                                                                                  "Agent is waiting in session-",
	} {
		if got := ready(&wire.Session{ID: "session-1", Metadata: json.RawMessage(metadata)}).Body; got != want {
			t.Errorf("%s: %q, want %q", metadata, got, want)
		}
	}
}

func TestPayloadAlwaysFits(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("語", 5000), strings.Repeat("\x01", 5000), strings.Repeat("<&>", 5000)} {
		w := &wire.Session{ID: "session-1", Metadata: json.RawMessage(`{"path":"/work/app","host":"h"}`)}
		for _, n := range []*Notification{task(w, &extract.TaskEnd{Summary: text}), permission(w, wire.RequestID(text), text)} {
			raw := payload(n)
			var out struct {
				Title, Body string
				Data        struct{ URL string }
			}
			if err := json.Unmarshal(raw, &out); err != nil || len(raw) > 3993 || out.Title == "" || out.Body == "" || out.Data.URL != "/sessions/session-1" {
				t.Errorf("%d bytes: %v %+v", len(raw), err, out)
			}
			if strings.Contains(out.Body, "\uFFFD") || !strings.HasSuffix(out.Body, "…") {
				t.Errorf("cut badly: …%q", out.Body[max(0, len(out.Body)-12):])
			}
		}
	}
}
