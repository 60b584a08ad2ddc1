package claude

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hapi/internal/agent"
)

// transcripts are the files in which Claude keeps a conversation, as far as
// they were read. A conversation has one, and one more for each sub-agent.
type transcripts struct {
	files map[string]*transcript // by path
}

// transcript is a file and how much of it is known.
type transcript struct {
	offset int64
	end    byte      // the last one that was read; 0: not known
	last   time.Time // when the latest of it was said that is known
	side   string    // the call that started the sub-agent whose transcript it is
}

// entry is a line of a transcript, as far as it is looked at.
type entry struct {
	Type             string          `json:"type"`
	Subtype          string          `json:"subtype"`
	UUID             string          `json:"uuid"`
	PromptID         string          `json:"promptId"`
	SessionID        string          `json:"sessionId"`
	Timestamp        string          `json:"timestamp"`
	IsSidechain      bool            `json:"isSidechain"`
	IsMeta           bool            `json:"isMeta"`
	IsCompactSummary bool            `json:"isCompactSummary"`
	Message          json.RawMessage `json:"message"`
	Summary          string          `json:"summary"`
	AITitle          string          `json:"aiTitle"`
	CustomTitle      string          `json:"customTitle"`
	Operation        string          `json:"operation"` // of Claude's own queue
	Permission       struct {
		Decision string `json:"decision"`
	} `json:"permissionDecision"`
	// Attachment is of a line that goes along with a prompt. One that was typed
	// while Claude worked, and that it took up in the same turn, is such a line.
	Attachment struct {
		Type        string          `json:"type"`
		Prompt      json.RawMessage `json:"prompt"`
		CommandMode string          `json:"commandMode"`
		Origin      struct {
			Kind string `json:"kind"`
		} `json:"origin"`
	} `json:"attachment"`
	// ForkedFrom is of a line that was copied when its person branched off.
	ForkedFrom struct {
		SessionID string `json:"sessionId"`
	} `json:"forkedFrom"`

	side string // the sub-agent's call
	at   time.Time
	raw  []byte
}

// skip marks all of a conversation's transcripts as known, but for the end that
// was written at a terminal, if that is wanted.
func (t *transcripts) skip(main string, butTerminal bool) {
	for _, path := range append([]string{main}, subAgentFiles(main)...) {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		end := info.Size()
		if butTerminal {
			end = terminalFrom(path)
		}
		f := t.file(path)
		f.offset, f.last = end, info.ModTime()
	}
}

// knows says whether a conversation was read: what is copied from it was told.
func (t *transcripts) knows(id string) bool {
	if id == "" {
		return false
	}
	for path := range t.files {
		if strings.TrimSuffix(filepath.Base(path), ".jsonl") == id {
			return true
		}
	}
	return false
}

// terminalFrom is where the lines of a transcript begin that were written last,
// at a terminal.
func terminalFrom(path string) int64 {
	file, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer file.Close() //nolint:errcheck // it was read
	var at, from int64
	lines := bufio.NewReaderSize(file, 64<<10)
	for {
		raw, err := lines.ReadBytes('\n')
		if err != nil {
			return from
		}
		at += int64(len(raw))
		if bytes.Contains(raw, []byte(`"entrypoint":"`)) && !bytes.Contains(raw, []byte(`"entrypoint":"cli"`)) || bytes.Contains(raw, []byte(`"promptSource":"sdk"`)) {
			from = at
		}
	}
}

func (t *transcripts) file(path string) *transcript {
	f := t.files[path]
	if f == nil {
		if t.files == nil {
			t.files = map[string]*transcript{}
		}
		f = &transcript{}
		t.files[path] = f
	}
	return f
}

// read gives what was added to a conversation's transcripts, in the order in
// which it was said. At the end, a last line without a line feed counts too.
func (t *transcripts) read(main string, atEnd bool) ([]*entry, error) {
	entries, err := t.readFile(main, "", atEnd)
	for _, path := range subAgentFiles(main) {
		more, moreErr := t.readFile(path, t.sideOf(path), atEnd)
		entries, err = append(entries, more...), errors.Join(err, moreErr)
	}
	slices.SortStableFunc(entries, func(a, b *entry) int { return a.at.Compare(b.at) })
	return entries, err
}

// subAgentFiles are the transcripts of a conversation's sub-agents.
func subAgentFiles(main string) []string {
	list, _ := filepath.Glob(filepath.Join(globQuote(strings.TrimSuffix(main, ".jsonl")), "subagents", "agent-*.jsonl")) // the pattern is well-formed
	return list
}

// globQuote makes a path a pattern for itself.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// sideOf is the call that started a sub-agent: it stands beside its transcript.
func (t *transcripts) sideOf(path string) string {
	f := t.file(path)
	if f.side != "" {
		return f.side
	}
	var meta struct {
		ToolUseID string `json:"toolUseId"`
	}
	if raw, err := os.ReadFile(strings.TrimSuffix(path, ".jsonl") + ".meta.json"); err == nil {
		_ = json.Unmarshal(raw, &meta) // without one it is joined by its prompt
	}
	f.side = meta.ToolUseID
	return f.side
}

func (t *transcripts) readFile(path, side string, atEnd bool) ([]*entry, error) {
	known := t.file(path)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was read
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	var after time.Time
	switch {
	case known.rewritten(file, info.Size()):
		known.offset, known.end, after = 0, 0, known.last
	case info.Size() == known.offset:
		return nil, nil
	}
	if _, err := file.Seek(known.offset, io.SeekStart); err != nil {
		return nil, err
	}
	var entries []*entry
	lines := bufio.NewReaderSize(file, 64<<10)
	for {
		raw, err := lines.ReadBytes('\n')
		if err != nil && (!atEnd || !json.Valid(raw)) {
			return entries, nil // the rest is still being written
		}
		known.offset += int64(len(raw))
		if len(raw) > 0 {
			known.end = raw[len(raw)-1]
		}
		if e := parseEntry(raw, side); e != nil && (after.IsZero() || e.at.After(after)) && !t.knows(e.ForkedFrom.SessionID) {
			entries = append(entries, e)
			if e.at.After(known.last) {
				known.last = e.at
			}
		}
		if err != nil {
			return entries, nil
		}
	}
}

// rewritten says whether the file is not the one any more that was read so far:
// Claude takes lines back when it begins an answer anew. Not all of what stands
// there then has a row of the same key: prompts that came by the hub have none.
func (f *transcript) rewritten(file io.ReaderAt, size int64) bool {
	if size <= f.offset || f.end == 0 {
		return size < f.offset
	}
	end := make([]byte, 1)
	_, err := file.ReadAt(end, f.offset-1)
	return err == nil && end[0] != f.end
}

// kinds are the lines we look at: the others, some of them huge, are not read.
var kinds = [][]byte{[]byte(`"type":"user"`), []byte(`"type":"assistant"`), []byte(`"type":"system"`), []byte(`"type":"summary"`), []byte(`-title"`), []byte(`"type":"queued_command"`), []byte(`"type":"queue-operation"`)}

func parseEntry(raw []byte, side string) *entry {
	if !slices.ContainsFunc(kinds, func(kind []byte) bool { return bytes.Contains(raw, kind) }) {
		return nil
	}
	e := &entry{side: side, raw: raw}
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, e); err != nil && !errors.As(err, &mistyped) {
		return nil
	}
	e.at, _ = time.Parse(time.RFC3339Nano, e.Timestamp) // titles have none: they sort first
	return e
}

// transcriptOf finds a conversation by its id, in whatever project's directory
// it is. A file without a single message is none.
func transcriptOf(config, id string) string {
	if id == "" || strings.ContainsAny(id, `/\*?[`) {
		return ""
	}
	list, _ := filepath.Glob(filepath.Join(globQuote(config), "projects", "*", id+".jsonl")) // the pattern is well-formed
	for _, path := range list {
		if hasMessage(path) {
			return path
		}
	}
	return ""
}

// hasMessage looks for a message in the first and last part of a transcript.
func hasMessage(path string) bool {
	const part = 64 << 10
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close() //nolint:errcheck // it was read
	head := make([]byte, part)
	n, _ := io.ReadFull(file, head) // a shorter file is a short head
	if bytes.Contains(head[:n], []byte(`"uuid":"`)) {
		return true
	}
	if info, err := file.Stat(); err == nil && info.Size() > part {
		n, _ = file.ReadAt(head, info.Size()-part)
		return bytes.Contains(head[:n], []byte(`"uuid":"`))
	}
	return false
}

// hasPrompt looks for a person's message in a transcript.
func hasPrompt(path, id string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close() //nolint:errcheck // it was read
	name, kind := []byte(`"uuid":"`+id+`"`), []byte(`"type":"user"`)
	lines := bufio.NewReaderSize(file, 64<<10)
	for {
		raw, err := lines.ReadBytes('\n')
		if bytes.Contains(raw, name) && bytes.Contains(raw, kind) {
			return true
		}
		if err != nil {
			return false
		}
	}
}

// configDir is where Claude keeps what it knows.
func configDir(env []string) string {
	if dir := lookup(env, "CLAUDE_CONFIG_DIR"); dir != "" {
		return dir
	}
	home := lookup(env, "HOME")
	if home == "" {
		home, _ = os.UserHomeDir() // without one nothing is found
	}
	return filepath.Join(home, ".claude")
}

func lookup(env []string, name string) string {
	if env == nil {
		return os.Getenv(name)
	}
	for _, pair := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// common are the fields of a transcript's line that peers know.
var common = []string{
	"uuid", "parentUuid", "isSidechain", "parentToolUseId", "userType", "cwd", "sessionId", "version", "gitBranch", "timestamp",
	"requestId", "toolUseResult", "mode", "message",
}

// shown are the system lines that peers show.
var shown = []string{"api_error", "turn_duration", "microcompact_boundary", "compact_boundary", "away_summary"}

// row is an entry as a row of the conversation; it has none if it is nothing for
// people.
func (e *entry) row() (agent.Record, bool) {
	if e.IsMeta || e.IsCompactSummary || e.UUID == "" {
		return agent.Record{}, false
	}
	r := agent.Record{At: e.at, Key: rowKey(e.UUID)}
	switch e.Type {
	case "user":
		text, isText := humanText(e.Message)
		switch {
		case !isText || e.IsSidechain || strings.HasPrefix(text, "<local-command-stdout>"), strings.HasPrefix(strings.TrimSpace(text), taskNote):
		case !saidByPerson(text):
			return r, false
		default:
			r.Content = personSaid(text)
			return r, true
		}
	case "attachment":
		text, ok := e.typedMeanwhile()
		r.Content = personSaid(text)
		return r, ok && !e.IsSidechain
	case "assistant":
	case "system":
		if !slices.Contains(shown, e.Subtype) {
			return r, false
		}
	default:
		return r, false
	}
	r.Content = mustMarshal(map[string]any{
		"role": "agent", "content": map[string]any{"type": "output", "data": e.record()}, "meta": map[string]any{"sentFrom": "cli"},
	})
	return r, true
}

// typedMeanwhile is a prompt that a person typed while Claude worked.
func (e *entry) typedMeanwhile() (string, bool) {
	a := &e.Attachment
	if a.Type != "queued_command" || a.CommandMode != "" && a.CommandMode != "prompt" || a.Origin.Kind != "" && a.Origin.Kind != "human" {
		return "", false
	}
	text, ok := textOf(a.Prompt)
	return text, ok && saidByPerson(text)
}

// rowKey makes rows of the same line one row, wherever it was read.
func rowKey(uuid string) string { return "claude:" + uuid }

func (e *entry) record() map[string]json.RawMessage {
	var all map[string]json.RawMessage
	_ = json.Unmarshal(e.raw, &all) // it was read before
	if e.Type != "system" {
		kept := map[string]json.RawMessage{"type": all["type"]}
		for _, key := range common {
			if v, ok := all[key]; ok {
				kept[key] = v
			}
		}
		all = kept
	}
	if e.side != "" {
		all["parentToolUseId"] = mustMarshal(e.side)
	}
	return all
}

// humanText is a message's text, if it is one.
func humanText(message json.RawMessage) (string, bool) {
	var m struct {
		Content json.RawMessage `json:"content"`
	}
	_ = json.Unmarshal(message, &m) // without content there is no text
	return textOf(m.Content)
}

func textOf(content json.RawMessage) (string, bool) {
	var text string
	if json.Unmarshal(content, &text) == nil {
		return text, true
	}
	var blocks []block
	_ = json.Unmarshal(content, &blocks) // what is neither has no text
	var texts []string
	for _, b := range blocks {
		if b.Type == "tool_result" {
			return "", false
		}
		if b.Type == "text" {
			texts = append(texts, b.Text)
		}
	}
	return strings.Join(texts, "\n"), len(texts) > 0
}
