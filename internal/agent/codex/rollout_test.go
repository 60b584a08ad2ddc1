package codex

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hapi/internal/agent"
	"hapi/internal/agent/hook"
	"hapi/internal/wire"
)

// follow reads a rollout of these lines.
func follow(t *testing.T, lines ...string) *testHost {
	t.Helper()
	h := &testHost{t: t, changed: make(chan struct{})}
	r := newRollout(h, "T", agent.Config{})
	path := filepath.Join(t.TempDir(), "rollout-x.jsonl")
	write(t, path, strings.Join(lines, "\n")+"\n")
	r.follow(path, false)
	if err := r.read(false); err != nil {
		t.Fatal(err)
	}
	return h
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func eventLine(payload string) string    { return `{"type":"event_msg","payload":` + payload + `}` }
func responseItem(payload string) string { return `{"type":"response_item","payload":` + payload + `}` }

func answerItem(turn, text, phase string) string {
	return responseItem(fmt.Sprintf(`{"type":"message","role":"assistant","phase":%q,"content":[{"type":"output_text","text":%q}],"internal_chat_message_metadata_passthrough":{"turn_id":%q}}`, phase, text, turn))
}

// TestRecordedRolloutIsTold plays the file of a real Codex at its terminal.
func TestRecordedRolloutIsTold(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/rollout.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	h := follow(t, strings.Split(strings.TrimSpace(string(raw)), "\n")...)
	var kinds []string
	for _, row := range h.rows {
		kinds = append(kinds, fmt.Sprint(row["type"], " ", row["message"]))
	}
	// The person's own words have no data: they are a row of theirs.
	if want := []string{"<nil> <nil>", "message Hello", "token_count <nil>"}; !slices.Equal(kinds, want) {
		t.Errorf("the rows are %q, want %q", kinds, want)
	}
	if !slices.Equal(h.titles, []string{"hello there"}) || !slices.Equal(h.working, []bool{true, false}) || h.config.Model != "scripted" {
		t.Errorf("titles %q, working %v, model %q", h.titles, h.working, h.config.Model)
	}
}

func TestTheSameAnswerInSeveralFormsIsToldOnce(t *testing.T) {
	t.Parallel()
	said := func(text string) string {
		return eventLine(fmt.Sprintf(`{"type":"item_completed","turn_id":"U1","item":{"type":"AgentMessage","content":[{"type":"Text","text":%q}]}}`, text))
	}
	legacy := func(text string) string {
		return eventLine(fmt.Sprintf(`{"type":"agent_message","turn_id":"U1","message":%q}`, text))
	}
	for name, c := range map[string]struct{ lines, want []string }{
		"event first":             {[]string{said("A"), answerItem("U1", "A", "")}, []string{"A"}},
		"response first":          {[]string{answerItem("U1", "A", "commentary"), said("A")}, []string{"A"}},
		"three forms":             {[]string{legacy("A"), said("A"), answerItem("U1", "A", "")}, []string{"A"}},
		"said twice":              {[]string{said("A"), answerItem("U1", "A", ""), said("A"), answerItem("U1", "A", "")}, []string{"A", "A"}},
		"held until its twin":     {[]string{answerItem("U1", "A", "final_answer"), said("A")}, []string{"A"}},
		"held until the end":      {[]string{answerItem("U1", "A", "final_answer"), eventLine(`{"type":"task_complete","turn_id":"U1"}`)}, []string{"A"}},
		"a summary is not told":   {[]string{answerItem("U1", "sum", "final_answer"), `{"type":"compacted","payload":{"message":"the sum"}}`, said("B")}, []string{"B"}},
		"nothing when cut off":    {[]string{answerItem("U1", "A", "final_answer"), eventLine(`{"type":"turn_aborted","turn_id":"U1"}`)}, nil},
		"nothing overtakes":       {[]string{answerItem("U1", "A", "final_answer"), said("B")}, []string{"A", "B"}},
		"a form without its turn": {[]string{eventLine(`{"type":"agent_message","message":"A"}`), answerItem("U1", "A", "")}, []string{"A"}},
		"other roles are context": {[]string{responseItem(`{"type":"message","role":"developer","content":[{"text":"x"}]}`)}, nil},
	} {
		if got := follow(t, c.lines...).said("message"); !slices.Equal(got, c.want) {
			t.Errorf("%s: told %q, want %q", name, got, c.want)
		}
	}
}

func TestToolsPlansAndThoughtsOfARollout(t *testing.T) {
	t.Parallel()
	h := follow(t,
		responseItem(`{"type":"function_call","name":"exec_command","call_id":"c1","arguments":"{\"cmd\":\"ls\"}"}`),
		responseItem(`{"type":"function_call_output","call_id":"c1","output":"a.txt"}`),
		responseItem(`{"type":"custom_tool_call","name":"apply_patch","call_id":"c2","input":"*** Begin"}`),
		responseItem(`{"type":"tool_search_call","call_id":"c3","arguments":{"query":"mail"}}`),
		responseItem(`{"type":"tool_search_output","call_id":"c3","execution":"client","tools":[{"name":"send"}]}`),
		responseItem(`{"type":"web_search_call","action":{"type":"search","query":"go"},"status":"completed"}`),
		eventLine(`{"type":"agent_reasoning","text":"**Look**\n\nAround."}`),
		eventLine(`{"type":"agent_message","turn_id":"U1","message":"Here it is.\n<proposed_plan>\n1. Do it\n</proposed_plan>"}`),
		eventLine(`{"type":"task_complete","turn_id":"U1"}`),
	)
	var names []string
	for _, row := range h.rows {
		switch row["type"] {
		case "tool-call":
			names = append(names, fmt.Sprint(row["name"], row["input"]))
		case "message":
			names = append(names, fmt.Sprint(row["message"]))
		}
	}
	want := []string{"exec_commandmap[cmd:ls]", "apply_patch*** Begin", "ToolSearchmap[query:mail]", "WebSearchmap[query:go type:search]", "CodexReasoningmap[title:Look]", "Here it is.", "ExitPlanModemap[plan:1. Do it]"}
	if !slices.Equal(names, want) {
		t.Errorf("the rows are %q, want %q", names, want)
	}
}

func TestWhatIsHeldIsToldWhenCodexEnds(t *testing.T) {
	t.Parallel()
	h := &testHost{t: t, changed: make(chan struct{})}
	term := &terminal{host: h, log: slog.New(slog.DiscardHandler), rollout: newRollout(h, "T", agent.Config{})}
	path := filepath.Join(t.TempDir(), "rollout-x.jsonl")
	write(t, path, strings.Join([]string{
		responseItem(`{"type":"function_call","name":"sh","call_id":"c1","arguments":"{}"}`),
		eventLine(`{"type":"item_completed","turn_id":"U1","item":{"type":"Plan","text":"1. Do it"}}`), answerItem("U1", "The plan", "final_answer"),
	}, "\n"))
	term.rollout.follow(path, false)
	term.finish()
	var kinds []string
	for _, row := range h.rows {
		kinds = append(kinds, fmt.Sprint(row["type"], " ", row["name"], row["message"]))
	}
	want := []string{"tool-call sh<nil>", "message <nil>The plan", "tool-call ExitPlanMode<nil>", "tool-call-result <nil> <nil>", "tool-call-result <nil> <nil>"}
	if !slices.Equal(kinds, want) {
		t.Errorf("the rows are %q, want %q", kinds, want)
	}
}

func TestRolloutIsReadAsItGrows(t *testing.T) {
	t.Parallel()
	h := &testHost{t: t, changed: make(chan struct{})}
	r := newRollout(h, "T", agent.Config{})
	path := filepath.Join(t.TempDir(), "rollout-x.jsonl")
	r.follow(path, false)
	read := func(atEnd bool, want ...string) {
		t.Helper()
		if err := r.read(atEnd); err != nil {
			t.Fatal(err)
		}
		if got := h.said("message"); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	say := func(text string) string {
		return eventLine(fmt.Sprintf(`{"type":"agent_message","turn_id":%q,"message":%q}`, text, text))
	}
	read(false) // it is not there yet
	write(t, path, say("one")+"\n"+say("two")[:20])
	read(false, "one")
	write(t, path, say("one")+"\n"+say("two"))
	read(false, "one") // its line has not ended
	read(true, "one", "two")
	write(t, path, say("new")+"\n") // another file: shorter
	read(false, "one", "two", "new")

	resumed := newRollout(h, "T", agent.Config{})
	resumed.follow(path, true)
	resumed.skip()
	write(t, path, say("new")+"\n"+say("live")+"\n")
	r = resumed
	read(false, "one", "two", "new", "live")
}

// TestHistoryIsToldAsHistory reads the end of a conversation of another day, and
// what is said now.
func TestHistoryIsToldAsHistory(t *testing.T) {
	t.Parallel()
	h := &testHost{t: t, changed: make(chan struct{})}
	path := filepath.Join(t.TempDir(), "rollout-x.jsonl")
	const day = `{"timestamp":"2026-01-02T03:04:05Z",`
	old := []string{
		`{"type":"turn_context","payload":{"model":"old-model"}}`, eventLine(`{"type":"task_started"}`), eventLine(`{"type":"user_message","message":"Hello"}`),
		eventLine(`{"type":"token_count","info":{}}`), responseItem(`{"type":"function_call","name":"sh","call_id":"c1","arguments":"{}"}`),
	}
	for i := range old {
		old[i] = day + old[i][1:]
	}
	write(t, path, strings.Join(old, "\n")+"\n")
	r := newRollout(h, "T", agent.Config{Model: "mine"})
	r.follow(path, true)
	if err := r.read(false); err != nil {
		t.Fatal(err)
	}
	if len(h.working) != 0 || h.config.Model != "" {
		t.Errorf("history works %v, with the model %q", h.working, h.config.Model)
	}
	if n := len(h.times); n == 0 || h.times[0].Year() != 2026 || h.times[0].Day() != 2 {
		t.Errorf("the rows are of %v", h.times)
	}
	last := h.rows[len(h.rows)-1]
	if last["type"] != "tool-call-result" || last["is_error"] != true {
		t.Errorf("the call that nobody finished is %v", last)
	}
	write(t, path, strings.Join(old, "\n")+"\n"+eventLine(`{"type":"task_started"}`)+"\n"+eventLine(`{"type":"token_count","info":{}}`)+"\n")
	if err := r.read(false); err != nil {
		t.Fatal(err)
	}
	var scopes []any
	for _, row := range h.rows {
		if row["type"] == "token_count" {
			scopes = append(scopes, row["hapiUsageScope"], row["model"], row["threadId"])
		}
	}
	if !slices.Equal(scopes, []any{"imported-history", "old-model", "T", "managed", "old-model", "T"}) || !slices.Equal(h.working, []bool{true}) || !h.times[len(h.times)-1].IsZero() {
		t.Errorf("usage is %v, working %v, the last row of %v", scopes, h.working, h.times[len(h.times)-1])
	}
}

func TestHooksAreTrustedByCodexsOwnHash(t *testing.T) {
	t.Parallel()
	// As Codex 0.169 computes it; a journey with the real one proves it.
	const command = "cat >> /tmp/hook.out; echo >> /tmp/hook.out"
	if got, want := trustedHash("session_start", command), "f9c0216f94d5b3d2a8c1136c864d5cddc90ab9b1befac8da1dab2bf43e5839bf"; got != want {
		t.Errorf("the hash is %s, want %s", got, want)
	}
}

func TestArgumentsAtTheTerminal(t *testing.T) {
	t.Parallel()
	args := localArguments("/bin/hapi", agent.Options{
		Resume: "T1", Args: []string{"--model", "old", "--sandbox=read-only", "--search"},
		Config: agent.Config{Model: "new", Effort: "high", PermissionMode: wire.ModeYolo},
	})
	got := strings.Join(args, " ")
	for _, want := range []string{"resume T1 ", `-c model_reasoning_effort="high"`, "--ask-for-approval never --sandbox danger-full-access --model new --search"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if strings.Contains(got, "old") || strings.Contains(got, "read-only") {
		t.Errorf("what was overruled is still there: %q", got)
	}
}

func TestHooksSayWhichConversationCodexIsIn(t *testing.T) {
	t.Parallel()
	h := &testHost{t: t, changed: make(chan struct{})}
	term := &terminal{host: h, log: slog.New(slog.DiscardHandler), rollout: newRollout(h, "T", agent.Config{}), wake: make(chan struct{}, 1)}
	dir := t.TempDir()
	starts := func(id, source string) {
		path := filepath.Join(dir, id+".jsonl")
		write(t, path, eventLine(fmt.Sprintf(`{"type":"agent_message","turn_id":"U","message":"of %s"}`, id))+"\n")
		term.hook(hook.Event{Name: "SessionStart", SessionID: id, Transcript: path, Source: source})
	}
	starts("T1", "startup")
	starts("T2", "startup") // a sub-agent
	term.hook(hook.Event{Name: "UserPromptSubmit", SessionID: "T2"})
	starts("T3", "clear")
	term.hook(hook.Event{Name: "UserPromptSubmit", SessionID: "T3"})
	term.finish()
	if !slices.Equal(h.ids, []string{"T1", "T3"}) || !slices.Equal(h.said("message"), []string{"of T1", "of T3"}) || !slices.Equal(h.working, []bool{true}) {
		t.Errorf("the conversations are %q, told is %q, working %v", h.ids, h.said("message"), h.working)
	}
}
