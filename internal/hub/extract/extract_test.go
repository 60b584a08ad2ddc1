package extract_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/hub/extract"
)

func claude(blocks string) json.RawMessage {
	return json.RawMessage(`{"role":"agent","content":{"type":"output","data":{"type":"assistant","uuid":"u","message":{"id":"m","role":"assistant","content":[` + blocks + `]}}},"meta":{"sentFrom":"cli"}}`)
}

func result(call, text string, failed bool) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"role":"agent","content":{"type":"output","data":{"type":"user","message":{"role":"user","content":[{"tool_use_id":%q,"type":"tool_result","content":%q,"is_error":%t}]}}}}`, call, text, failed))
}

func use(name, id, input string) string {
	return fmt.Sprintf(`{"type":"tool_use","id":%q,"name":%q,"input":%s}`, id, name, input)
}

func generic(data string) json.RawMessage {
	return json.RawMessage(`{"role":"agent","content":{"type":"codex","data":` + data + `}}`)
}

// list is the todo list after rows, as JSON.
func list(rows ...json.RawMessage) string {
	var todos json.RawMessage
	for _, row := range rows {
		f := extract.From(row)
		todos, _ = extract.ApplyTodos(todos, f.Todos)
	}
	return string(todos)
}

func TestTodosOfEveryAgent(t *testing.T) {
	t.Parallel()
	const one = `[{"content":"a","status":"pending","priority":"medium","id":""}]`
	first := claude(use("TodoWrite", "t", `{"todos":[{"content":"a","status":"pending"}]}`))
	tests := map[string]struct {
		rows []json.RawMessage
		want string
	}{
		"nothing said":            {[]json.RawMessage{claude(`{"type":"text","text":"TodoWrite"}`)}, ""},
		"TodoWrite of Claude":     {[]json.RawMessage{claude(`{"type":"text","text":"x"},` + use("TodoWrite", "t", `{"todos":[{"content":"a","status":"in_progress","priority":"high","id":"1","activeForm":"doing a"}]}`))}, `[{"content":"a","status":"in_progress","priority":"high","id":"1","activeForm":"doing a"}]`},
		"the first one counts":    {[]json.RawMessage{claude(use("TodoWrite", "t", `{"todos":[{"content":"a","status":"pending"}]}`) + "," + use("TodoWrite", "t2", `{"todos":[]}`))}, one},
		"an unknown status":       {[]json.RawMessage{first, claude(use("TodoWrite", "t", `{"todos":[{"content":"b","status":"later"}]}`))}, one},
		"an unknown priority":     {[]json.RawMessage{first, claude(use("TodoWrite", "t", `{"todos":[{"content":"b","status":"pending","priority":"urgent"}]}`))}, one},
		"no list":                 {[]json.RawMessage{first, claude(use("TodoWrite", "t", `{"todos":"b"}`))}, one},
		"an empty list clears":    {[]json.RawMessage{first, claude(use("TodoWrite", "t", `{"todos":[]}`))}, `[]`},
		"TodoWrite of others":     {[]json.RawMessage{generic(`{"type":"tool-call","callId":"c","name":"TodoWrite","input":{"todos":[{"content":"a","status":"pending"}]}}`)}, one},
		"plan":                    {[]json.RawMessage{generic(`{"type":"plan","entries":[{"content":"a","priority":"low","status":"completed"},{"content":"b","status":"pending"},{"content":"c"}]}`)}, `[{"content":"a","status":"completed","priority":"low","id":"plan-1"},{"content":"b","status":"pending","priority":"medium","id":"plan-2"}]`},
		"plan of which none fits": {[]json.RawMessage{first, generic(`{"type":"plan","entries":[{"content":"a","status":"soon"}]}`)}, one},
		"plan that is empty":      {[]json.RawMessage{first, generic(`{"type":"plan","entries":[]}`)}, `[]`},
		"plan_update":             {[]json.RawMessage{generic(`{"type":"plan_update","plan":[{"step":"a","status":"inProgress"},"b",{"text":"c","state":"DONE"},{}]}`)}, `[{"content":"a","status":"in_progress","priority":"medium","id":"plan-1"},{"content":"b","status":"pending","priority":"medium","id":"plan-2"},{"content":"c","status":"completed","priority":"medium","id":"plan-3"}]`},
		"update_plan":             {[]json.RawMessage{generic(`{"type":"tool-call","callId":"codex-plan-state","name":"update_plan","input":{"plan":[{"step":"a","status":"completed"}],"source":"codex"}}`)}, `[{"content":"a","status":"completed","priority":"medium","id":"plan-1"}]`},
		"todowrite of OpenCode":   {[]json.RawMessage{generic(`{"type":"tool-call","callId":"c","name":"todowrite","input":{"todos":[{"id":"7","content":"a","status":"completed","priority":"low"},{"content":"b","status":"cancelled"}]}}`)}, `[{"content":"a","status":"completed","priority":"low","id":"7"}]`},
		"tasks of Claude": {[]json.RawMessage{
			claude(use("TaskCreate", "toolu_1", `{"subject":"First step","description":"d","activeForm":"Doing it"}`) + "," + use("TaskCreate", "toolu_2", `{"subject":"Second step","description":"d"}`)),
			result("toolu_1", "Task #1 created successfully: First step", false),
			result("toolu_2", "Task #2 created successfully: Second step", false),
			claude(use("TaskUpdate", "toolu_3", `{"taskId":"1","status":"in_progress"}`)),
			claude(use("TaskUpdate", "toolu_4", `{"taskId":"2","status":"deleted"}`)),
			claude(use("TaskUpdate", "toolu_5", `{"taskId":"9","status":"completed"}`)),
			claude(use("TaskUpdate", "toolu_6", `{"taskId":"1","subject":"Better name"}`)),
		}, `[{"content":"Better name","status":"in_progress","priority":"medium","id":"1","activeForm":"Doing it"}]`},
		"a task that was refused": {[]json.RawMessage{
			claude(use("TaskCreate", "toolu_1", `{"subject":"First step"}`)), result("toolu_1", "no", true),
		}, `[]`},
		"a number that comes again": {[]json.RawMessage{
			claude(use("TaskCreate", "1", `{"subject":"one"}`)), result("1", "Task #1 created successfully: one", false),
			claude(use("TaskCreate", "x", `{"subject":"two"}`)), result("x", "Task #1 created successfully: two", false),
		}, `[{"content":"two","status":"pending","priority":"medium","id":"1"}]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, list(tt.rows...)); diff != "" {
				t.Errorf("list (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTeamFollowsItsCalls(t *testing.T) {
	t.Parallel()
	var team json.RawMessage
	say := func(_ int, blocks ...string) {
		f := extract.From(claude(strings.Join(blocks, ",")))
		team, _ = extract.ApplyTeam(team, f.Team, 100)
	}
	say(1, use("TaskCreate", "a", `{"id":"1","title":"before there is a team"}`))
	if team != nil {
		t.Fatalf("got %s", team)
	}
	say(2, use("TeamCreate", "a", `{"team_name":"red","description":"d"}`),
		use("Task", "b", `{"team_name":"red","name":"ann","subagent_type":"coder","description":"write it"}`),
		use("Task", "b", `{"name":"of no team"}`),
		use("TaskCreate", "c", `{"task_id":7,"content":"test it","owner":"ann"}`),
		use("TaskUpdate", "d", `{"id":"7","status":"blocked"}`),
		use("TaskUpdate", "e", `{"id":"8","status":"completed"}`),
		use("SendMessage", "f", `{"type":"broadcast","recipient":"ann","summary":"hello"}`),
		use("SendMessage", "g", `{"type":"shout","recipient":"ann"}`),
		use("SendMessage", "h", `{"type":"shutdown_request","recipient":"ann"}`))
	want := `{"teamName":"red","description":"d","members":[{"name":"ann","agentType":"coder","status":"shutdown"}],` +
		`"tasks":[{"id":"agent:ann","title":"write it","status":"in_progress","owner":"ann"},{"id":"7","title":"test it","status":"blocked","owner":"ann"}],` +
		`"messages":[{"from":"team-lead","to":"all","summary":"hello","type":"broadcast","timestamp":100},` +
		`{"from":"team-lead","to":"ann","summary":"","type":"message","timestamp":100},` +
		`{"from":"team-lead","to":"ann","summary":"","type":"shutdown_request","timestamp":100}],"updatedAt":100}`
	if diff := cmp.Diff(want, string(team)); diff != "" {
		t.Errorf("team (-want +got):\n%s", diff)
	}
	for range 60 {
		say(3, use("SendMessage", "g", `{"recipient":"ann"}`))
	}
	if n := strings.Count(string(team), `"from"`); n != 50 {
		t.Errorf("%d messages are kept, want 50", n)
	}
	say(4, use("TeamDelete", "i", `{}`))
	if team != nil {
		t.Errorf("after its end: %s", team)
	}
}

func TestBackgroundCommandsAreCountedByTheirID(t *testing.T) {
	t.Parallel()
	start := func(id string) json.RawMessage {
		return result("c", "Command running in background with ID: "+id+". Output is being written to: /tmp/x", false)
	}
	ended := func(text string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"role":"agent","content":{"type":"output","data":{"type":"user","message":{"role":"user","content":%q}}}}`, text))
	}
	parts := json.RawMessage(`{"role":"agent","content":{"type":"output","data":{"type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[{"type":"text","text":"Command running in background with ID: b3"}]}]}}}}`)
	shown := result("c", "1\tCommand running in background with ID: of a file that was read", false)
	other := generic(`{"type":"tool-call-result","callId":"c","output":"Command running in background with ID: b4\n"}`)
	tests := map[string]struct {
		rows []json.RawMessage
		want []string
	}{
		"started":             {[]json.RawMessage{start("b1"), start("b2"), parts, other}, []string{"b1", "b2", "b3", "b4"}},
		"said twice":          {[]json.RawMessage{start("b1"), start("b1")}, []string{"b1"}},
		"a file that is read": {[]json.RawMessage{shown}, nil},
		"ended":               {[]json.RawMessage{start("b1"), start("b2"), ended("<task-notification>\n<task-id>b1</task-id>\n<status>completed</status></task-notification>")}, []string{"b2"}},
		"ended, without id":   {[]json.RawMessage{start("b1"), start("b2"), ended(" <task-notification>done</task-notification>")}, []string{"b2"}},
		"ended, unknown":      {[]json.RawMessage{start("b1"), ended("<task-notification><task-id>zz</task-id></task-notification>")}, []string{"b1"}},
		"more ends":           {[]json.RawMessage{ended("<task-notification>"), ended("<task-notification>")}, nil},
		"a person's words":    {[]json.RawMessage{start("b1"), ended("see <task-notification>")}, []string{"b1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var running []string
			for _, row := range tt.rows {
				f := extract.From(row)
				running = extract.ApplyBackground(running, f.Background)
			}
			if diff := cmp.Diff(strings.Join(tt.want, " "), strings.Join(running, " ")); diff != "" {
				t.Errorf("running (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzFrom(f *testing.F) {
	f.Add([]byte(claude(use("TaskCreate", "1", `{"subject":"one"}`))), []byte(`[{"id":"1"}]`))
	f.Add([]byte(result("1", "Task #1 created successfully: x", false)), []byte(`[{"id":"1"}]`))
	f.Add([]byte(generic(`{"type":"plan","entries":[{}]}`)), []byte(`{}`))
	f.Add([]byte(claude(use("SendMessage", "1", `{"type":"broadcast"}`))), []byte(`null`))
	f.Fuzz(func(t *testing.T, row, stored []byte) {
		if !json.Valid(row) || !json.Valid(stored) {
			return
		}
		found := extract.From(row)
		if todos, _ := extract.ApplyTodos(stored, found.Todos); todos != nil && !json.Valid(todos) {
			t.Errorf("todos %s", todos)
		}
		if team, _ := extract.ApplyTeam(stored, found.Team, 1); team != nil && !json.Valid(team) {
			t.Errorf("team %s", team)
		}
		extract.ApplyBackground(strings.Fields(string(stored)), found.Background)
	})
}

func BenchmarkFrom(b *testing.B) {
	tests := map[string]json.RawMessage{
		"text of Claude":   claude(`{"type":"text","text":"` + strings.Repeat("lorem ipsum ", 80) + `"}`),
		"result of 60 KB":  result("c", strings.Repeat("lorem ipsum dolor\n", 3400), false),
		"text of another":  generic(`{"type":"message","message":"` + strings.Repeat("lorem ipsum ", 80) + `","id":"x"}`),
		"TodoWrite of ten": claude(use("TodoWrite", "t", `{"todos":[`+strings.TrimSuffix(strings.Repeat(`{"content":"do something","status":"pending","activeForm":"doing"},`, 10), ",")+`]}`)),
	}
	for name, row := range tests {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(row)))
			b.ReportAllocs()
			for b.Loop() {
				extract.From(row)
			}
		})
	}
}
