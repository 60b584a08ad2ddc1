package claude

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"hapi/internal/agent/hook"
	"hapi/internal/wire"
)

// FuzzLines feeds what no Claude prints: rows of it, if any, are JSON.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{
		`{"type":"system","subtype":"init","session_id":"s","model":"m[1m]"}` + "\n" + `{"type":"assistant","message":{"content":[{"type":"tool_use","id":"t","name":"Bash","input":{}}]}}`,
		`{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t","content":[]}]}}` + "\n" + `{"type":"result","is_error":true,"errors":["e"],"modelUsage":{"m":{"contextWindow":"x"}}}`,
		`{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1e99}}`, `{"type":1,"message":null}`, `{"type":"user","message":{"content":"x"},"parent_tool_use_id":"p"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := newConverter("/w", "main")
		for printed := range bytes.Lines(raw) {
			l, err := parseLine(printed)
			if err != nil {
				continue
			}
			if l.Type == "system" && l.Subtype == "init" {
				c.begin(l, "")
			}
			for _, r := range c.records(l) {
				if !json.Valid(r.Content) {
					t.Errorf("%q became %q", printed, r.Content)
				}
			}
			for _, r := range c.interrupted() {
				if !json.Valid(r.Content) {
					t.Errorf("interrupted after %q: %q", printed, r.Content)
				}
			}
		}
	})
}

// FuzzTranscript reads a conversation's file that no Claude wrote, beside hooks
// that say the same.
func FuzzTranscript(f *testing.F) {
	f.Add([]byte(promptLine("1")+`{"type":"assistant","message":{"content":[{"type":"tool_use","id":"t","name":"Bash"}]}}`+"\n"), []byte(`{"hook_event_name":"PermissionRequest","session_id":"s1","tool_name":"Bash"}`))
	f.Add([]byte(`{"type":"user","timestamp":"x","message":[]}`), []byte(`{"hook_event_name":"Stop","session_id":"s2","background_tasks":[{"type":"subagent","status":"running"}]}`))
	f.Add([]byte("{\"type\":\"summary\"}\n{\"type\":\"custom-title\",\"customTitle\":\"\xff\"}"), []byte(`{"hook_event_name":"UserPromptSubmit","prompt_id":"1"}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, raw, told []byte) {
		main := filepath.Join(dir, "s1.jsonl")
		if err := os.WriteFile(main, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		v := &terminal{
			agent: New("hapi"), host: &notebook{}, log: slog.New(slog.DiscardHandler), calls: map[string]toolCall{},
			asked: map[string]func(status, reason string){}, wake: make(chan struct{}, 1),
		}
		v.hook(prompt(main, "1"))
		var e hook.Event
		if json.Unmarshal(told, &e) == nil {
			e.Transcript = main
			v.hook(e)
		}
		v.scan(false)
		v.finish()
	})
}

// FuzzAnswers reads a person's answers and rules, as peers send them.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`[{"question":"Which?"}]`), []byte(`{"0":["A"],"Which?":{"answers":["B"]}}`), "Bash(ls:*)", "ls; rm -rf /")
	f.Add([]byte(`null`), []byte(`{"99999999999999999999":["A"]}`), "Bash()", "")
	f.Fuzz(func(t *testing.T, questions, answers []byte, rule, command string) {
		byQuestion(questions, (&wire.PermissionAnswer{Answers: answers}).Given())
		var s rules
		s.add(rule)
		if s.allow("AskUserQuestion", nil) || s.allow("ExitPlanMode", nil) {
			t.Errorf("%q answers for a person", rule)
		}
		if input := mustMarshal(map[string]string{"command": command}); s.allow("Bash", input) && rule != "Bash("+bashCommand(input)+")" && bytes.ContainsAny([]byte(command), shellOperators) {
			t.Errorf("%q allows %q", rule, command)
		}
	})
}
