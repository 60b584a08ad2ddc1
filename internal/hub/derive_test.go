package hub_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// says makes the process say a row, at a time if one is given.
func (p *fakeProcess) says(t *testing.T, content string, at ...wire.Millis) {
	t.Helper()
	payload := map[string]any{"sid": p.id, "message": json.RawMessage(content)}
	if len(at) > 0 {
		payload["createdAt"] = at[0]
	}
	p.emit(t, wire.EventMessage, payload)
}

func toolUse(name, id, input string) string {
	return fmt.Sprintf(`{"role":"agent","content":{"type":"output","data":{"type":"assistant","message":{"content":[{"type":"tool_use","id":%q,"name":%q,"input":%s}]}}}}`, id, name, input)
}

func toolResult(call, text string) string {
	return fmt.Sprintf(`{"role":"agent","content":{"type":"output","data":{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":%q,"content":%q}]}}}}`, call, text)
}

const claudeMetadata = `{"path":"/work","host":"test","flavor":"claude"}`

// patchWith waits for a patch of a session that has a key.
func (s *stream) patchWith(key string) map[string]json.RawMessage {
	s.t.Helper()
	for {
		var e struct {
			Data map[string]json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(s.next(wire.SessionUpdated), &e); err != nil {
			s.t.Fatal(err)
		}
		if e.Data[key] != nil && e.Data["id"] == nil {
			return e.Data
		}
	}
}

func TestTodosOfAMessageBecomeTheSessions(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(claudeMetadata)
	s := h.stream("all=true", "", false)
	s.next("connection-changed")
	at := wire.Now() - 10_000
	p.says(t, toolUse("TodoWrite", "t1", `{"todos":[{"content":"a","status":"completed"},{"content":"b","status":"pending"}]}`), at)
	patch := s.patchWith("todos")
	want := fmt.Sprintf(`{"version":%d,"value":[{"content":"a","status":"completed","priority":"medium","id":""},{"content":"b","status":"pending","priority":"medium","id":""}]}`, at)
	if got := string(patch["todos"]); got != want || len(patch) != 2 || patch["updatedAt"] == nil {
		t.Errorf("patch %s", patch)
	}
	if got := s.next(wire.MessageReceived); !strings.Contains(string(got), "TodoWrite") {
		t.Errorf("the row follows its patch; got %s", got)
	}
	p.says(t, toolUse("TodoWrite", "t2", `{"todos":[]}`), at) // no newer than what is known
	p.says(t, toolUse("TodoWrite", "t3", `{"todos":[]}`), at-1)
	w := h.detail(p.id)
	if w.TodosUpdatedAt != at || !strings.Contains(string(w.Todos), `"content":"b"`) {
		t.Errorf("got %s of %d", w.Todos, w.TodosUpdatedAt)
	}
	if sum := h.summary(p.id); sum.TodoProgress == nil || *sum.TodoProgress != (wire.TodoProgress{Completed: 1, Total: 2}) || sum.TodosUpdatedAt != at {
		t.Errorf("listed as %+v", sum.TodoProgress)
	}
	h.restart()
	if w := h.detail(p.id); w.TodosUpdatedAt != at || !strings.Contains(string(w.Todos), `"content":"b"`) {
		t.Errorf("after a restart: %s of %d", w.Todos, w.TodosUpdatedAt)
	}
}

func TestTasksSaidInOneMillisecondAllCount(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(claudeMetadata)
	at := wire.Now() - 10_000
	for i := range 3 {
		p.says(t, toolUse("TaskCreate", fmt.Sprintf("toolu_%d", i), fmt.Sprintf(`{"subject":"step %d"}`, i)), at)
		p.says(t, toolResult(fmt.Sprintf("toolu_%d", i), fmt.Sprintf("Task #%d created successfully: step %d", i+1, i)), at)
	}
	p.says(t, toolUse("TaskUpdate", "toolu_9", `{"taskId":"2","status":"completed"}`), at)
	if sum := h.summary(p.id); sum.TodoProgress == nil || *sum.TodoProgress != (wire.TodoProgress{Completed: 1, Total: 3}) {
		t.Errorf("listed as %+v", sum.TodoProgress)
	}
	p.says(t, toolUse("TodoWrite", "t1", `{"todos":[]}`))
	if sum := h.summary(p.id); sum.TodoProgress != nil {
		t.Errorf("a list that was cleared is shown as %+v", sum.TodoProgress)
	}
}

func TestTeamAppearsAndGoes(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(claudeMetadata)
	s := h.stream("all=true", "", false)
	s.next("connection-changed")
	at := wire.Now() - 10_000
	p.says(t, toolUse("TeamCreate", "t1", `{"team_name":"red"}`), at)
	if got := string(s.patchWith("teamState")["teamState"]); !strings.HasPrefix(got, fmt.Sprintf(`{"version":%d,"value":{"teamName":"red"`, at)) {
		t.Errorf("patch %s", got)
	}
	p.says(t, toolUse("Task", "t2", `{"team_name":"red","name":"ann","description":"write"}`), at)
	if got := string(s.patchWith("teamState")["teamState"]); !strings.HasPrefix(got, fmt.Sprintf(`{"version":%d,`, at+1)) || !strings.Contains(got, `"agent:ann"`) {
		t.Errorf("patch %s", got)
	}
	p.says(t, toolUse("TeamDelete", "t3", `{}`))
	if got := string(s.patchWith("teamState")["teamState"]); !strings.Contains(got, `"value":null`) {
		t.Errorf("patch %s", got)
	}
	if w := h.detail(p.id); w.TeamState != nil || w.TeamStateUpdatedAt <= at {
		t.Errorf("got %s of %d", w.TeamState, w.TeamStateUpdatedAt)
	}
}

func TestBackgroundCommandsAreCountedThroughARestart(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(claudeMetadata)
	s := h.stream("all=true", "", false)
	s.next("connection-changed")
	for _, id := range []string{"b1", "b2", "b1"} {
		p.says(t, toolResult("c", "Command running in background with ID: "+id+". Output is being written to: /tmp/x"))
	}
	if got := s.patchWith("backgroundTaskCount"); string(got["backgroundTaskCount"]) != "1" || len(got) != 1 {
		t.Errorf("patch %s", got)
	}
	if got := h.detail(p.id).BackgroundTaskCount; got != 2 {
		t.Errorf("%d run, want 2", got)
	}
	h.restart()
	h.eventually("the process to be back", func() bool {
		_, err := p.Call(t.Context(), wire.EventPing)
		return err == nil
	})
	p.emit(t, wire.EventSessionAlive, map[string]any{"sid": p.id, "time": wire.Now()})
	h.eventually("the session to be active", func() bool { return h.detail(p.id).Active })
	p.says(t, `{"role":"agent","content":{"type":"output","data":{"type":"user","message":{"content":"<task-notification>\n<task-id>b1</task-id></task-notification>"}}}}`)
	if got := h.summary(p.id).BackgroundTaskCount; got != 1 {
		t.Errorf("%d run, want 1", got)
	}
	p.emit(t, wire.EventSessionEnd, map[string]any{"sid": p.id, "time": wire.Now()})
	p.emit(t, wire.EventSessionAlive, map[string]any{"sid": p.id, "time": wire.Now()})
	h.eventually("the session to be active", func() bool { return h.detail(p.id).Active })
	if got := h.detail(p.id).BackgroundTaskCount; got != 0 {
		t.Errorf("after the end of its process %d run", got)
	}
}

func TestLiveReasoningIsReplacedAndGoalStatusDropped(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(codexMetadata)
	thought := func(id, text string, live bool) string {
		return fmt.Sprintf(`{"role":"agent","content":{"type":"codex","data":{"type":"reasoning","id":%q,"message":%q,"live":%t}}}`, id, text, live)
	}
	p.says(t, thought(`r"1`, "hm", true))
	p.says(t, thought(`r"1`, "hm, so", true))
	p.says(t, thought("r2", "another", true))
	p.says(t, thought("", "no name", true))
	p.says(t, thought("", "no name either", true))
	p.says(t, thought(`r"1`, "hm, so it is", false))
	p.says(t, `{"role":"agent","content":{"type":"event","data":{"type":"message","message":" Goal active · 12k / 50k "}}}`)
	p.says(t, `{"role":"agent","content":{"type":"event","data":{"type":"message","message":"Goal activewear"}}}`)
	var texts []string
	for _, m := range h.page(p.id, "limit=200&order=asc").Messages {
		var c struct {
			Content struct{ Data struct{ Message string } }
		}
		if err := json.Unmarshal(m.Content, &c); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, c.Content.Data.Message)
	}
	if got := strings.Join(texts, "|"); got != "another|no name|no name either|hm, so it is|Goal activewear" {
		t.Errorf("got %s", got)
	}
}

func TestTodosOfOlderRowsAreFound(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(claudeMetadata)
	at := wire.Now() - 10_000
	for i := range 50 {
		p.says(t, toolUse("TaskCreate", fmt.Sprintf("toolu_%d", i), fmt.Sprintf(`{"subject":"step %d"}`, i)), at)
	}
	p.leave()
	h.underneath(func(st *store.Store) { // a database of before todo lists were read
		err := st.Write(t.Context(), func(tx *store.Tx) error {
			if _, err := tx.Exec(t.Context(), `UPDATE sessions SET todos = NULL, todos_updated_at = 0`); err != nil {
				return err
			}
			_, err := tx.Exec(t.Context(), `DELETE FROM meta WHERE name = 'todos_read'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	h.eventually("the list to be found", func() bool { return h.detail(p.id).TodosUpdatedAt == at })
	var todos []struct{ Content string }
	if err := json.Unmarshal(h.detail(p.id).Todos, &todos); err != nil || len(todos) != 50 || todos[49].Content != "step 49" {
		t.Errorf("found %+v, %v", todos, err)
	}
}

func TestRowsOfUnexpectedShapesAreKept(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(claudeMetadata)
	for _, content := range []string{
		`{"role":"agent","content":{"type":"output","data":{"type":"assistant","message":{"content":[{"type":"tool_use","id":5,"name":"TaskCreate","input":[]}]}}}}`,
		`{"role":"agent","content":{"type":"output","data":{"type":"assistant","message":{"content":{"type":"tool_use"}}}}}`,
		`{"role":"agent","content":{"type":"output","data":null}}`,
		`{"role":"agent","content":[1,2]}`,
		`{"role":"assistant","content":{"type":"codex","data":{"type":"plan","entries":{"a":1}}}}`,
		`"plain"`,
		`"{\"role\":\"agent\",\"content\":{\"type\":\"codex\",\"data\":{\"type\":\"plan\",\"entries\":[{\"content\":\"from a string\",\"status\":\"pending\"}]}}}"`,
	} {
		p.says(t, content)
	}
	if got := string(h.detail(p.id).Todos); !strings.Contains(got, "from a string") {
		t.Errorf("todos %s", got)
	}
	if status, raw := h.call(h.jwt, http.MethodGet, "/api/sessions/"+string(p.id)+"/messages", nil); status != 200 {
		t.Errorf("page: %d %s", status, raw)
	}
}
