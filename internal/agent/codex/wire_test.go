package codex

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

func init() {
	fakes["snake case"] = func(f *fake) {
		f.begin("U1")
		f.notify("item/completed", `{"item":{"type":"agent_message","id":"x","text":"of a child","thread_id":"T2"}}`)
		f.notify("item/started", `{"thread_id":"T1","turn_id":"U1","item":{"type":"command_execution","id":"c1","command":["make","all"],"command_actions":[{"some_key":1}]}}`)
		f.notify("item/completed", `{"thread_id":"T1","turn_id":"U1","item":{"type":"command_execution","id":"c1","command":["make","all"],"aggregated_output":"ok","exit_code":2,"duration_ms":7,"status":"completed"}}`)
		f.notify("thread/token_usage", `{}`)
		f.notify("thread/tokenUsage/updated", `{"token_usage":{"thread_id":"T2","last":{"total_tokens":1}}}`)
		f.notify("item/agentMessage/delta", `{"thread_id":"T1","item_id":"i1","delta":"half"}`)
		f.notify("turn/completed", `{"thread_id":"T1","turn_id":"U0","turn":{"status":"failed"}}`)
		f.notify("turn/completed", `{"thread_id":"T1","turn_id":"U1","turn":{"status":"failed","error":{"message":"no","codex_error_info":"cyberPolicy"}}}`)
		f.next()
	}
	fakes["late failures"] = func(f *fake) { // of a turn before
		r := f.next()
		f.notify("thread/status/changed", `{"threadId":"T1","status":{"type":"systemError"}}`)
		f.notify("error", `{"threadId":"T1","error":{"message":"of before"}}`)
		f.notify("turn/completed", `{"threadId":"T1","turn":{"status":"failed","error":{"message":"of before"}}}`)
		f.answer(r, `{"turn":{"id":"U2"}}`)
		f.say("U2", "well")
		f.end("U2", "completed")
		f.next()
	}
	fakes["model notices"] = func(f *fake) {
		f.begin("U1")
		f.notify("model/rerouted", `{"threadId":"T1","turnId":"U1","fromModel":"m1","toModel":"m2","reason":"highRiskCyberActivity"}`)
		f.notify("model/verification", `{"threadId":"T1","turnId":"U1","verifications":["trustedAccessForCyber"]}`)
		f.end("U1", "completed")
		f.next()
	}
	fakes["elicitations"] = func(f *fake) { // says what each is answered
		f.begin("U1")
		for i, params := range []string{
			`{"threadId":"T1","serverName":"hapi","mode":"form","message":"","requestedSchema":{"properties":{"a":{"type":"string","enum":["x"]},"b":{"type":"boolean"}},"required":["a","b"]}}`,
			`{"threadId":"T1","serverName":"shop","mode":"form","message":"May it?","requestedSchema":{"properties":{}},"_meta":{"codex_approval_kind":"mcp_tool_call","tool_name":"buy","tool_params":{"n":1},"persist":["always","session"]}}`,
			`{"threadId":"T1","server_name":"shop","request":{"mode":"url","message":"Sign in","url":"https://shop.example/login","elicitation_id":"e"}}`,
			`{"threadId":"T1","serverName":"shop","mode":"url","message":"Sign in","url":"file:///etc/passwd","elicitationId":"e"}`,
			`{"threadId":"T1","serverName":"shop","mode":"form","message":"Which?","requestedSchema":{"properties":{"sizes":{"type":"array","items":{"anyOf":[{"const":"s","title":"Small"},{"const":"l","title":"Large"}]}}}}}`,
			`{"threadId":"T1","serverName":"shop","mode":"openai/userVerification","title":"You?","description":"","challenge":"c"}`,
		} {
			f.print(fmt.Sprintf(`{"id":"e%d","method":"mcpServer/elicitation/request","params":%s}`, i, params))
			f.say("U1", string(f.next().Result))
		}
		f.end("U1", "completed")
		f.next()
	}
	fakes["turns as given"] = func(f *fake) { // says what each turn was started with
		for i := 0; ; i++ {
			r := f.begin(fmt.Sprint("U", i))
			f.say(fmt.Sprint("U", i), string(r.Params))
			f.end(fmt.Sprint("U", i), "completed")
		}
	}
	fakes["no model"] = func(f *fake) {
		f.threads = []string{`{"id":$ID,"result":{"thread":{"id":"T1"}}}`}
		f.talk("U1", "unplanned")
		f.next()
	}
}

func TestCodexMayWriteItsWordsInSnakeCase(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "snake case", agent.Options{})
	failed := h.failure(conv.Prompt(t.Context(), agent.Prompt{Text: "hello"}))
	if !strings.HasPrefix(failed.Text, "Task failed: no\nhttps://") {
		t.Errorf("the turn failed with %q", failed.Text)
	}
	var rows []string
	for _, row := range h.rows {
		delete(row, "id")
		rows = append(rows, string(mustMarshal(row)))
	}
	want := []string{
		`{"callId":"c1","input":{"command":"make all","command_actions":[{"some_key":1}],"cwd":"","thread_id":"T1","turn_id":"U1"},"name":"CodexBash","type":"tool-call"}`,
		`{"callId":"c1","is_error":false,"output":{"command":"make all","cwd":"","duration_ms":7,"exit_code":2,"status":"completed","stdout":"ok","thread_id":"T1","turn_id":"U1"},"type":"tool-call-result"}`,
		`{"live":true,"message":"half","streamSnapshot":true,"type":"message"}`,
		`{"live":false,"message":"half","type":"message"}`,
	}
	if !slices.Equal(rows, want) {
		t.Errorf("the rows are\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
}

func TestFailuresOfAnEarlierTurnDoNotEndTheNext(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "late failures", agent.Options{})
	h.prompt(conv, "hello")
	if said := h.said("message"); !slices.Equal(said, []string{"well"}) {
		t.Errorf("people were told %q", said)
	}
}

func TestApprovalsOfToolsAreReadInEverySpelling(t *testing.T) {
	t.Parallel()
	for params, want := range map[string]string{
		`{"itemId":"I","toolName":"a","input":{"x":1}}`:    `I a {"x":1}`,
		`{"item_id":"I","tool_name":"a","arguments":{}}`:   `I a {}`,
		`{"itemId":"I","tool":"a","params":{"y":null}}`:    `I a {"y":null}`,
		`{"itemId":"I","name":"a"}`:                        `I a null`,
		`{"itemId":"I","permission":"a","input":"a text"}`: `I a null`,
		`{"itemId":"I"}`: `I CodexTool null`,
	} {
		a, err := readApproval(&request{method: "item/tool/requestApproval", params: camelCase(json.RawMessage(params))})
		if got := fmt.Sprint(a.id, " ", a.tool, " ", string(mustMarshal(a.arguments))); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", params, got, err, want)
		}
	}
}

func TestPeopleAreToldOfAnotherModel(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "model notices", agent.Options{})
	h.prompt(conv, "hello")
	if said := h.said("message"); len(said) != 2 || !strings.Contains(said[0], "m2 instead of m1") || !strings.Contains(said[1], "https://") {
		t.Errorf("people were told %q", said)
	}
}

func TestElicitationsAreAnsweredByTheirKind(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "elicitations", agent.Options{})
	h.decide = func(r agent.PermissionRequest) agent.Decision {
		switch {
		case r.Tool == "buy":
			return agent.Decision{Approved: true, Decision: wire.DecisionApprovedForSession}
		case strings.Contains(string(r.Arguments), "__mcp_url_confirmation"):
			return agent.Decision{Approved: true, Answers: json.RawMessage(`{"__mcp_url_confirmation":["Continue"]}`)}
		default:
			return agent.Decision{Approved: true, Answers: json.RawMessage(`{"sizes":["s","l"]}`)}
		}
	}
	h.prompt(conv, "hello")
	want := []string{
		`{"_meta":null,"action":"accept","content":{"a":"x","b":true}}`,
		`{"_meta":{"persist":"session"},"action":"accept","content":null}`,
		`{"_meta":null,"action":"accept","content":{}}`,
		`{"_meta":null,"action":"cancel","content":null}`,
		`{"_meta":null,"action":"accept","content":{"sizes":["s","l"]}}`,
		`{"_meta":null,"action":"cancel","content":null}`,
	}
	if said := h.said("message"); !slices.Equal(said, want) {
		t.Errorf("codex was answered\n%s", strings.Join(said, "\n"))
	}
	if len(h.asked) != 3 || !strings.Contains(string(h.asked[2].Arguments), `{"description":"Small","label":"s"}`) {
		t.Errorf("people were asked %+v", h.asked)
	}
	var cards []any
	for _, row := range h.rows {
		if row["type"] == "tool-call" {
			cards = append(cards, row["name"])
		}
	}
	if !slices.Equal(cards, []any{"CodexPermission", "request_user_input", "request_user_input"}) {
		t.Errorf("the cards are %v", cards)
	}
}

func TestTurnsAreGivenTheirSettings(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "turns as given", agent.Options{Config: agent.Config{Effort: "high", ServiceTier: "fast", PermissionMode: wire.ModeReadOnly}})
	for _, next := range []func(c *agent.Config){
		func(*agent.Config) {},
		func(c *agent.Config) { c.ServiceTier, c.CollaborationMode = "standard", "plan" },
		func(c *agent.Config) { c.ServiceTier, c.Effort, c.PermissionMode = "", "", wire.ModeYolo },
	} {
		config := conv.configured()
		next(&config)
		if err := conv.Configure(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		h.prompt(conv, "hello")
	}
	for i, want := range [][]string{
		{`"serviceTier":"priority"`, `"effort":"high"`, `"mode":"default"`, `"model":"m1"`, `"reasoning_effort":"high"`, `{"type":"readOnly"}`, `"mcp_elicitations":true`, `"clientUserMessageId":"local-1"`},
		{`"serviceTier":null`, `"mode":"plan"`, `"developer_instructions":null`},
		{`{"type":"dangerFullAccess"}`},
	} {
		said := h.said("message")[i]
		for _, part := range want {
			if !strings.Contains(said, part) {
				t.Errorf("turn %d was started without %s: %s", i, part, said)
			}
		}
		if strings.Contains(said, "summary") || i == 2 && (strings.Contains(said, "serviceTier") || strings.Contains(said, "effort")) {
			t.Errorf("turn %d was started with too much: %s", i, said)
		}
	}
}

func TestThoughtsAreSummedUpWhereThereAreNoCollaborationModes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		model, effort string
		noPlanning    bool
		want          any
	}{
		{"gpt-5.4", "high", true, "detailed"},
		{"gpt-5.4", "high", false, nil},
		{"gpt-5.4", "", true, nil},
		{"", "high", false, "detailed"}, // without a model there is no collaboration mode
		{"openai/gpt-5.3-codex-spark", "high", true, nil},
	} {
		conv := &conversation{noPlanning: c.noPlanning}
		if got := conv.turnParams(agent.Config{Model: c.model, Effort: c.effort}, agent.Prompt{})["summary"]; got != c.want {
			t.Errorf("%+v: the summary is %v", c, got)
		}
	}
}

func TestPlanModeIsNeverLeftOutUnseen(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "no model", agent.Options{Config: agent.Config{CollaborationMode: "plan"}})
	if failed := h.failure(conv.Prompt(t.Context(), agent.Prompt{Text: "plan"})); !strings.Contains(failed.Text, "needs a model") {
		t.Errorf("the turn failed with %+v", failed)
	}
	conv, h = open(t, "no planning", agent.Options{})
	h.prompt(conv, "one")
	if err := conv.Configure(t.Context(), agent.Config{Model: "m1", CollaborationMode: "plan"}); err != nil {
		t.Fatal(err)
	}
	if failed := h.failure(conv.Prompt(t.Context(), agent.Prompt{Text: "plan"})); !strings.Contains(failed.Text, "no plan mode") {
		t.Errorf("the turn failed with %+v", failed)
	}
}

func TestPicturesThatCodexDrawsAreShown(t *testing.T) {
	t.Parallel()
	h := &testHost{t: t, changed: make(chan struct{})}
	r := rowsOf(h)
	for _, item := range []string{
		`{"type":"imageGeneration","id":"g1","status":"completed","savedPath":"/w/fox.png"}`,
		`{"type":"imageGeneration","id":"g2","status":"completed","savedPath":"/w/fox.txt","revisedPrompt":"a fox"}`,
		`{"type":"imageGeneration","id":"g3","status":"failed","savedPath":null,"failure":"refused"}`,
	} {
		for _, method := range []string{"item/started", "item/completed"} {
			params := json.RawMessage(`{"item":` + item + `}`)
			at := readScope(params)
			r.convert(method, params, &at, "m")
		}
	}
	if !slices.Equal(h.shown, []string{"CodexImageGeneration /w/fox.png"}) {
		t.Errorf("people were shown %q", h.shown)
	}
	var why []any
	for _, row := range h.rows {
		if output, ok := row["output"].(map[string]any); ok {
			why = append(why, output["error"])
		}
	}
	if !slices.Equal(why, []any{"it is no picture", "refused"}) {
		t.Errorf("people were told %q", why)
	}
}

func TestConversationNamedByThePersonIsNamedOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want []string }{
		{[]string{"resume", "--last", "--search"}, []string{"--search"}},
		{[]string{"--search", "resume", "T0", "go on"}, []string{"--search", "go on"}},
		{[]string{"--search", "hello"}, []string{"--search", "hello"}},
	} {
		args := localArguments("/bin/hapi", agent.Options{Resume: "T1", Args: c.args})
		if got := args[len(args)-len(c.want):]; !slices.Equal(got, c.want) || slices.Contains(args[2:], "resume") {
			t.Errorf("%q becomes %q", c.args, args)
		}
	}
}

func TestNpmsScriptOnWindowsIsPassedBy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shim, node, script := filepath.Join(dir, "codex.CMD"), filepath.Join(dir, "node.exe"), filepath.Join(dir, "node_modules", "@openai", "codex", "bin", "codex.js")
	write(t, shim, "")
	if p := direct(shim); p.path != shim || len(p.args) != 0 {
		t.Errorf("a script of somebody else's is started as %+v", p)
	}
	if err := os.MkdirAll(filepath.Dir(script), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, script, "")
	write(t, node, "")
	if p := direct(shim); p.path != node || !slices.Equal(p.with("app-server"), []string{script, "app-server"}) {
		t.Errorf("npm's script is started as %+v", p)
	}
}
