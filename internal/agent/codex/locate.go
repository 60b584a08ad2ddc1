package codex

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

const (
	// settledAfter is how long the same rollouts have to be the only ones before one
	// is taken for the terminal's: a hook may still say which it is.
	settledAfter = 2 * time.Second
	// headRead is how much of a rollout is looked at for what was said first.
	headRead = 4 << 20
	// lineRead is the longest line of it.
	lineRead = 1 << 20
)

// locator looks for the rollout of a Codex whose hooks are silent (agents-codex
// contract §4.4): one that was begun in its directory since it was started.
type locator struct {
	home  string // Codex's own directory
	dir   string // that Codex works in
	since time.Time
	known map[string]bool // rollouts that are not it

	seen   []candidate // when it was looked last
	seenAt time.Time   // since when these were the only ones
}

// candidate is a rollout that can be the terminal's.
type candidate struct {
	path, id string
	prompt   string // the first since Codex was started
	at       time.Time
}

func newLocator(home, dir string, now time.Time) *locator {
	l := &locator{home: home, dir: dir, since: now, known: map[string]bool{}}
	for _, path := range l.rollouts(now) {
		l.known[path] = true
	}
	return l
}

// rollouts are the files of the days around now: they lie by a date that can be
// another zone's.
func (l *locator) rollouts(now time.Time) []string {
	var paths []string
	for _, day := range []int{-1, 0, 1} {
		dir := filepath.Join(l.home, "sessions", filepath.FromSlash(now.UTC().AddDate(0, 0, day).Format("2006/01/02")))
		files, _ := os.ReadDir(dir) // without it there are none
		for _, f := range files {
			if strings.HasPrefix(f.Name(), "rollout-") && strings.HasSuffix(f.Name(), ".jsonl") {
				paths = append(paths, filepath.Join(dir, f.Name()))
			}
		}
	}
	return paths
}

// look finds the rollouts that can be it, once they have been the same for a while.
func (l *locator) look(now time.Time) []candidate {
	var found []candidate
	for _, path := range l.rollouts(now) {
		if l.known[path] {
			continue
		}
		if c, ok := l.read(path); ok {
			found = append(found, c)
		}
	}
	if !slices.Equal(found, l.seen) {
		l.seen, l.seenAt = found, now
	}
	if now.Sub(l.seenAt) < settledAfter {
		return nil
	}
	return found
}

// ignore forgets rollouts that are not it.
func (l *locator) ignore(these []candidate) {
	for _, c := range these {
		l.known[c.path] = true
	}
}

// read says whether a rollout can be it: a conversation of a person's in the same
// directory, in which something was said since.
func (l *locator) read(path string) (c candidate, ok bool) {
	f, err := os.Open(path)
	if err != nil {
		return c, false
	}
	defer f.Close() //nolint:errcheck // it was read
	lines := bufio.NewScanner(io.LimitReader(f, headRead))
	lines.Buffer(nil, lineRead)
	for lines.Scan() {
		var line rolloutLine
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			return c, false // it is being written
		}
		if c.id == "" {
			if c.id, ok = l.ours(&line); !ok {
				return c, false
			}
			continue
		}
		if text := personSaid(&line); text != "" && !line.Timestamp.Before(l.since) {
			c.path, c.prompt, c.at = path, text, line.Timestamp.UTC()
			return c, true
		}
	}
	return c, false
}

// ours reads the first line of a rollout.
func (l *locator) ours(line *rolloutLine) (id string, ok bool) {
	var meta struct {
		ID     string          `json:"id"`
		Cwd    string          `json:"cwd"`
		Source json.RawMessage `json:"source"`
	}
	var source struct {
		Subagent json.RawMessage `json:"subagent"`
	}
	if line.Type != "session_meta" || json.Unmarshal(line.Payload, &meta) != nil || meta.ID == "" {
		return "", false
	}
	_ = json.Unmarshal(meta.Source, &source) // a bare word is no sub-agent's
	return meta.ID, !isSet(source.Subagent) && sameDir(meta.Cwd, l.dir)
}

func sameDir(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// personSaid is what a person says in a line, or "".
func personSaid(line *rolloutLine) string {
	var p payload
	var i struct {
		Type    string          `json:"type"`
		Content json.RawMessage `json:"content"`
	}
	_ = json.Unmarshal(line.Payload, &p) // fields of another type stay empty
	switch {
	case line.Type != "event_msg":
	case p.Type == "user_message":
		return strings.TrimSpace(p.text())
	case p.Type == "item_completed" && json.Unmarshal(p.Item, &i) == nil && i.Type == "UserMessage":
		return strings.TrimSpace(contentText(i.Content))
	}
	return ""
}

// workDir is where Codex works: its own option counts.
func workDir(dir string, args []string) string {
	for i := range args {
		name, value, inOne := strings.Cut(args[i], "=")
		if name != "-C" && name != "--cd" {
			continue
		}
		if !inOne && i+1 < len(args) {
			value = args[i+1]
		}
		if filepath.IsAbs(value) {
			dir = value
		} else {
			dir = filepath.Join(dir, value)
		}
	}
	return dir
}

var (
	errWhich    = errors.New("Codex does not tell which conversation it is in, and several can be it")
	errNobody   = errors.New("Codex does not tell which conversation it is in")
	errHookSaid = errors.New("Codex has told which conversation it is in")
	errOneMore  = errors.New("Another conversation can be it, too")
)

// locate looks for the rollout as long as no hook says which it is. Of several, a
// person picks one: a guess could show another conversation here. The caller holds
// mu.
func (t *terminal) locate(ctx context.Context) {
	if t.bound || t.rollout.path != "" {
		return
	}
	found := t.locator.look(time.Now())
	switch {
	case t.question != nil:
		if len(found) > 0 && !slices.Equal(found, t.offered) {
			t.question(errOneMore)
			t.question = nil
		}
	case len(found) == 1 && !t.refused:
		t.take(&found[0])
	case len(found) > 0: // one that comes after the others were refused is asked for, too
		t.report(errWhich)
		asking, withdraw := context.WithCancelCause(ctx)
		t.question, t.offered = withdraw, found
		t.asking.Go(func() {
			defer withdraw(nil)
			t.choose(asking, found)
		})
	}
}

// take follows a rollout that no hook told of. The caller holds mu.
func (t *terminal) take(c *candidate) {
	t.log.Info("codex's hooks are silent; its conversation was found by its file", "thread", c.id)
	t.thread, t.rollout.thread = c.id, c.id
	t.rollout.follow(c.path, false)
	t.host.Resumable(c.id)
	t.scan(false)
}

const (
	whichQuestion = "conversation"
	noneOfThese   = "None of these"
)

// choose asks a person which conversation is the terminal's.
func (t *terminal) choose(ctx context.Context, found []candidate) {
	const tool = "request_user_input"
	options := []data{}
	byLabel := map[string]*candidate{}
	for i := range found {
		c := &found[i]
		label := fmt.Sprintf("%d. %s", i+1, firstLine(c.prompt))
		byLabel[label] = c
		options = append(options, data{"label": label, "description": c.at.Local().Format("2006-01-02 15:04:05 MST") + " · " + c.id})
	}
	options = append(options, data{"label": noneOfThese, "description": "Nothing of them is shown here."})
	id, input := newID(), mustMarshal(data{"questions": []data{{
		"id": whichQuestion, "header": "Terminal", "required": true, "options": options,
		"question": "Codex at the terminal does not tell which conversation it is in, and more than one was begun in this directory. Which of them belongs to this session?",
	}}})
	t.host.Emit(agent.Generic(data{"type": "tool-call", "name": tool, "callId": id, "input": input, "id": newID()}))
	d, err := t.host.Ask(ctx, agent.PermissionRequest{ID: wire.RequestID(id), Tool: tool, Arguments: input})
	output, refused := data{"decision": decisionOf(&d, err), "reason": reasonOf(&d, err)}, true
	var picked *candidate
	if given := d.Given()[whichQuestion]; err == nil && d.Approved && len(given) > 0 {
		picked = byLabel[given[0]]
		output, refused = data{"answers": answersOf(&d)}, false
	}
	t.host.Emit(agent.Generic(data{"type": "tool-call-result", "callId": id, "output": output, "is_error": refused, "id": newID()}))
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Err() != nil { // it was withdrawn
		return
	}
	t.question = nil
	switch {
	case t.bound:
	case picked != nil:
		t.take(picked)
	default:
		t.refused = true
		t.locator.ignore(found)
		t.failed = nil
		t.report(errNobody)
	}
}
