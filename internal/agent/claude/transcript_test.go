package claude

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// transcriptLine is a line as Claude writes it.
func transcriptLine(kind, id, at string, message any, more map[string]any) string {
	l := map[string]any{"type": kind, "uuid": id, "timestamp": "2026-11-25T15:05:" + at + "Z", "sessionId": "s1", "message": message, "promptSource": "typed"}
	for key, v := range more {
		l[key] = v
	}
	raw, err := json.Marshal(l)
	if err != nil {
		panic(err)
	}
	return string(raw) + "\n"
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func ids(t *testing.T, known *transcripts, main string, atEnd bool) []string {
	t.Helper()
	entries, err := known.read(main, atEnd)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, e := range entries {
		list = append(list, e.UUID+e.side)
	}
	return list
}

func TestATranscriptIsReadAsItGrows(t *testing.T) {
	t.Parallel()
	main := filepath.Join(t.TempDir(), "s1.jsonl")
	known := &transcripts{}
	if got := ids(t, known, main, false); len(got) != 0 {
		t.Errorf("a file that is not there gives %v", got)
	}
	said := map[string]any{"role": "user", "content": "Hello"}
	appendTo(t, main, transcriptLine("user", "a", "01", said, nil)+`{"type":"file-history-snapshot","messageId":"x"}`+"\n"+"garbage\n")
	half := transcriptLine("user", "b", "02", said, nil)
	appendTo(t, main, half[:20])
	if got := ids(t, known, main, false); !cmp.Equal(got, []string{"a"}) {
		t.Errorf("got %v, want a", got)
	}
	appendTo(t, main, half[20:]+strings.TrimSuffix(transcriptLine("user", "c", "03", said, nil), "\n"))
	if got := ids(t, known, main, false); !cmp.Equal(got, []string{"b"}) {
		t.Errorf("got %v, want b: c may still be written", got)
	}
	if got := ids(t, known, main, true); !cmp.Equal(got, []string{"c"}) {
		t.Errorf("at the end got %v, want c", got)
	}
	if got := ids(t, known, main, true); len(got) != 0 {
		t.Errorf("read again: %v", got)
	}
}

func TestSubAgentsAreReadInTheOrderOfWhatWasSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	main, side := filepath.Join(dir, "s1.jsonl"), filepath.Join(dir, "s1", "subagents", "agent-1.jsonl")
	said := map[string]any{"role": "assistant", "content": []any{}}
	appendTo(t, main, transcriptLine("assistant", "call", "01", said, nil)+transcriptLine("user", "result", "04", said, nil))
	appendTo(t, side, transcriptLine("assistant", "one", "02", said, map[string]any{"isSidechain": true})+transcriptLine("assistant", "two", "03", said, nil))
	appendTo(t, strings.TrimSuffix(side, ".jsonl")+".meta.json", `{"toolUseId":"-toolu_1"}`)
	if got, want := ids(t, &transcripts{}, main, false), []string{"call", "one-toolu_1", "two-toolu_1", "result"}; !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	skipping := &transcripts{}
	skipping.skip(main, false)
	if got := ids(t, skipping, main, false); len(got) != 0 {
		t.Errorf("what was skipped is read: %v", got)
	}
}

func TestRowsOfATranscript(t *testing.T) {
	t.Parallel()
	text := func(s string) any { return map[string]any{"role": "user", "content": s} }
	for _, tt := range []struct {
		name, line string
		want       string // empty: it is nothing for people
	}{
		{"a person", transcriptLine("user", "a", "01", text("Hello"), nil), `{"content":{"text":"Hello","type":"text"},"meta":{"sentFrom":"cli"},"role":"user"}`},
		{"meta", transcriptLine("user", "a", "01", text("Hello"), map[string]any{"isMeta": true}), ""},
		{"a summary", transcriptLine("user", "a", "01", text("Hello"), map[string]any{"isCompactSummary": true}), ""},
		{"a command", transcriptLine("user", "a", "01", text("<command-name>/clear</command-name>"), nil), ""},
		{"a stop", transcriptLine("user", "a", "01", text("[Request interrupted by user]"), nil), ""},
		{"a person who did not wait", transcriptLine("attachment", "a", "01", nil, map[string]any{"attachment": map[string]any{"type": "queued_command", "prompt": "And this", "commandMode": "prompt", "origin": map[string]any{"kind": "human"}}}), `{"content":{"text":"And this","type":"text"},"meta":{"sentFrom":"cli"},"role":"user"}`},
		{"a note of a task", transcriptLine("attachment", "a", "01", nil, map[string]any{"attachment": map[string]any{"type": "queued_command", "prompt": "done", "commandMode": "task-notification"}}), ""},
		{"the end of a task", transcriptLine("user", "a", "01", text("<task-notification>x"), nil), `{"content":{"data":{"message":{"content":"\u003ctask-notification\u003ex","role":"user"},"sessionId":"s1","timestamp":"2026-11-25T15:05:01Z","type":"user","uuid":"a"},"type":"output"},"meta":{"sentFrom":"cli"},"role":"agent"}`},
		{"a hook's summary", transcriptLine("system", "a", "01", nil, map[string]any{"subtype": "stop_hook_summary"}), ""},
		{"an answer", transcriptLine("assistant", "a", "01", text("x"), map[string]any{"requestId": "r1", "cwd": "/w"}), `{"content":{"data":{"cwd":"/w","message":{"content":"x","role":"user"},"requestId":"r1","sessionId":"s1","timestamp":"2026-11-25T15:05:01Z","type":"assistant","uuid":"a"},"type":"output"},"meta":{"sentFrom":"cli"},"role":"agent"}`},
	} {
		e := parseEntry([]byte(tt.line), "")
		if e == nil {
			t.Fatalf("%s: not read", tt.name)
		}
		r, ok := e.row()
		if !ok {
			r.Content = nil
		}
		if string(r.Content) != tt.want || ok != (tt.want != "") {
			t.Errorf("%s is %s, %v, want %s", tt.name, r.Content, ok, tt.want)
		}
		if ok && r.Key != "claude:a" {
			t.Errorf("%s has the key %q", tt.name, r.Key)
		}
	}
}

func TestAConversationIsFoundByItsID(t *testing.T) {
	t.Parallel()
	config := t.TempDir()
	path := filepath.Join(config, "projects", "-some-where", "id-1.jsonl")
	appendTo(t, path, `{"type":"mode"}`+"\n")
	if got := transcriptOf(config, "id-1"); got != "" {
		t.Errorf("found %q, which has no message", got)
	}
	appendTo(t, path, transcriptLine("user", "a", "01", nil, nil))
	if got := transcriptOf(config, "id-1"); got != path {
		t.Errorf("found %q, want %q", got, path)
	}
	for _, bad := range []string{"", "../id-1", "*", "id-2"} {
		if got := transcriptOf(config, bad); got != "" {
			t.Errorf("%q found %q", bad, got)
		}
	}
}

func TestTheEndOfAStayAtTheTerminalIsSaidAgain(t *testing.T) {
	t.Parallel()
	main := filepath.Join(t.TempDir(), "s1.jsonl")
	said := map[string]any{"role": "user", "content": "Hello"}
	for _, l := range [][2]string{{"a", "cli"}, {"b", "sdk-cli"}, {"c", "cli"}, {"d", "cli"}} {
		appendTo(t, main, transcriptLine("user", l[0], "01", said, map[string]any{"entrypoint": l[1]}))
	}
	known := &transcripts{}
	known.skip(main, true)
	if got := ids(t, known, main, false); !cmp.Equal(got, []string{"c", "d"}) {
		t.Errorf("got %v, want what was said at the terminal last", got)
	}
}

func TestWhatIsKnownIsNotSaidAgainFromATranscriptThatWasRewritten(t *testing.T) {
	t.Parallel()
	main := filepath.Join(t.TempDir(), "s1.jsonl")
	line := func(id, at string) string {
		return transcriptLine("user", id, at, map[string]any{"role": "user", "content": "Hello " + id}, map[string]any{"entrypoint": "sdk-cli"})
	}
	appendTo(t, main, line("a", "01")+line("b", "02")+line("c", "03"))
	known := &transcripts{}
	if got := ids(t, known, main, false); !cmp.Equal(got, []string{"a", "b", "c"}) {
		t.Fatalf("got %v", got)
	}
	rewrite := func(text string) {
		t.Helper()
		if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rewrite(line("a", "01") + line("b", "02")) // the last line was taken back
	if got := ids(t, known, main, false); len(got) != 0 {
		t.Errorf("said again: %v", got)
	}
	rewrite(line("a", "01") + line("d-with-a-longer-name", "04") + line("e", "05")) // it grew again before we looked
	if got := ids(t, known, main, false); !cmp.Equal(got, []string{"d-with-a-longer-name", "e"}) {
		t.Errorf("got %v, want what is new", got)
	}
}

func TestABranchOfAKnownConversationSaysOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	main, branch := filepath.Join(dir, "s1.jsonl"), filepath.Join(dir, "s2.jsonl")
	said := map[string]any{"role": "user", "content": "Hello"}
	copied := func(id, from string) string {
		return transcriptLine("user", id, "01", said, map[string]any{"forkedFrom": map[string]any{"sessionId": from, "messageUuid": id}})
	}
	appendTo(t, main, transcriptLine("user", "a", "01", said, nil))
	appendTo(t, branch, copied("a", "s1")+copied("z", "s0")+transcriptLine("user", "b", "02", said, nil))
	known := &transcripts{}
	known.skip(main, false)
	if got := ids(t, known, branch, false); !cmp.Equal(got, []string{"z", "b"}) {
		t.Errorf("got %v, want what the hub does not have", got)
	}
}
