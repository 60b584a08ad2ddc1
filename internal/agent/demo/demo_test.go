package demo

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"hapi/internal/agent"
	"hapi/internal/agent/acp"
	"hapi/internal/agent/child"
	"hapi/internal/wire"
)

// The test binary is the demo itself when it is asked to be.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "be-the-demo" {
		Serve(context.Background(), os.Stdin, os.Stdout)
		return
	}
	os.Exit(m.Run())
}

// watcher is the session as the demo sees it.
type watcher struct {
	t      *testing.T
	decide func(r agent.PermissionRequest) agent.Decision

	mu     sync.Mutex
	rows   []map[string]any
	native string
	asked  []agent.PermissionRequest
	auto   []agent.Decision
	heard  chan struct{} // closed and replaced at each row or request
}

func (w *watcher) changed() {
	close(w.heard)
	w.heard = make(chan struct{})
}

func (w *watcher) Emit(r agent.Record) {
	var row struct {
		Content struct {
			Data map[string]any `json:"data"`
		} `json:"content"`
	}
	if err := json.Unmarshal(r.Content, &row); err != nil {
		w.t.Errorf("a row is no JSON: %v", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rows = append(w.rows, row.Content.Data)
	w.changed()
}

func (w *watcher) Ask(ctx context.Context, r agent.PermissionRequest) (agent.Decision, error) {
	w.mu.Lock()
	w.asked = append(w.asked, r)
	w.changed()
	w.mu.Unlock()
	if w.decide == nil {
		<-ctx.Done()
		return agent.Decision{}, context.Cause(ctx)
	}
	return w.decide(r), nil
}

func (w *watcher) Decided(_ agent.PermissionRequest, d agent.Decision) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.auto = append(w.auto, d)
}

func (*watcher) Past(agent.Past)            {}
func (*watcher) Began(wire.LocalID, string) {}
func (w *watcher) Resumable(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.native = id
}

func (*watcher) Catalog(agent.Catalog)                 {}
func (*watcher) ModeChanged(wire.PermissionMode)       {}
func (*watcher) Configured(func(config *agent.Config)) {}
func (*watcher) Titled(string)                         {}
func (*watcher) Suggested(string)                      {}
func (*watcher) Working(bool)                          {}
func (*watcher) Observed(agent.PermissionRequest) func(status, reason string) {
	return func(string, string) {}
}

// said is all the text of the conversation.
func (w *watcher) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, r := range w.rows {
		if r["live"] != true {
			raw, _ := json.Marshal(r)
			b.Write(raw)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func (w *watcher) waitFor(what string, holds func() bool) {
	w.t.Helper()
	for {
		w.mu.Lock()
		ok, heard := holds(), w.heard
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-heard:
		case <-w.t.Context().Done():
			w.t.Fatalf("waiting for %s", what)
		}
	}
}

func open(t *testing.T, w *watcher, o agent.Options) agent.Conversation {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if err := Prepare(o.Dir); err != nil {
		t.Fatal(err)
	}
	w.t, w.heard = t, make(chan struct{})
	c, err := acp.Agent{Spec: acp.Spec{Flavor: wire.FlavorDemo, Label: "Demo", Command: exe, Args: []string{"be-the-demo"}}}.Open(t.Context(), w, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if left := child.Descendants(os.Getpid()); len(left) > 0 {
			t.Logf("processes at the end: %v", left) // those of tests beside this one
		}
	})
	return c
}

func yes(r agent.PermissionRequest) agent.Decision {
	d := agent.Decision{ID: r.ID, Approved: true}
	if r.Tool == "AskUserQuestion" {
		d.Answers = json.RawMessage(`{"0":["Blue"]}`)
	}
	return d
}

func TestTourShowsEverything(t *testing.T) {
	t.Parallel()
	w := &watcher{decide: yes}
	dir := t.TempDir()
	c := open(t, w, agent.Options{Dir: dir})
	if err := c.Prompt(t.Context(), agent.Prompt{Text: "Hello"}); err != nil {
		t.Fatal(err)
	}
	all := w.said()
	for _, want := range []string{
		"This is hapi's **demo agent**", `"type":"reasoning"`, `"type":"plan"`, `"Read demo-notes.md"`, "The demo reads this file",
		`"kind":"modify"`, "I have changed", `done\n`, "You like **blue** best", "That was the tour", `"type":"token_count"`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the tour does not have %s:\n%s", want, all)
		}
	}
	changed, err := os.ReadFile(filepath.Join(dir, notes))
	if err != nil || !strings.Contains(string(changed), "Changed by the demo") {
		t.Errorf("the notes are %q, %v", changed, err)
	}
	if len(w.asked) != 3 || !strings.Contains(string(w.asked[0].Arguments), `"new_string"`) {
		t.Errorf("a person was asked %d times, first %s; want three, first with what changes", len(w.asked), w.asked[0].Arguments)
	}
}

func TestWhatIsDeniedIsNotDone(t *testing.T) {
	t.Parallel()
	w := &watcher{decide: func(r agent.PermissionRequest) agent.Decision { return agent.Decision{ID: r.ID} }}
	dir := t.TempDir()
	c := open(t, w, agent.Options{Dir: dir})
	if err := c.Prompt(t.Context(), agent.Prompt{Text: "edit, run and ask"}); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, notes)); string(got) != firstNotes {
		t.Errorf("the notes were changed: %q", got)
	}
	if all := w.said(); strings.Count(all, "You did not allow it, so I did not do it") != 4 || !strings.Contains(all, "You did not say") {
		t.Errorf("the demo said:\n%s", all)
	}
}

func TestWithoutAskingInYoloMode(t *testing.T) {
	t.Parallel()
	w := &watcher{}
	c := open(t, w, agent.Options{Config: agent.Config{PermissionMode: wire.ModeBypassPermissions}})
	if err := c.Prompt(t.Context(), agent.Prompt{Text: "edit and run"}); err != nil {
		t.Fatal(err)
	}
	if len(w.asked) != 0 || len(w.auto) == 0 || w.auto[0].Decision != wire.DecisionApprovedForSession {
		t.Errorf("asked %v, decided %v", w.asked, w.auto)
	}
}

func TestPlanModeCarriesNothingOut(t *testing.T) {
	t.Parallel()
	w := &watcher{}
	c := open(t, w, agent.Options{Config: agent.Config{PermissionMode: wire.ModePlan}})
	if err := c.Prompt(t.Context(), agent.Prompt{Text: "plan, edit, run"}); err != nil {
		t.Fatal(err)
	}
	if all := w.said(); !strings.Contains(all, "In plan mode I do not change files") || !strings.Contains(all, "In plan mode I stop here") {
		t.Errorf("the demo said:\n%s", all)
	}
}

func TestSlowTurnIsInterrupted(t *testing.T) {
	t.Parallel()
	w := &watcher{}
	c := open(t, w, agent.Options{})
	ended := make(chan error, 1)
	go func() { ended <- c.Prompt(t.Context(), agent.Prompt{Text: "slow and long"}) }()
	w.waitFor("a first word", func() bool { return len(w.rows) > 0 })
	if err := c.Interrupt(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, agent.ErrInterrupted) {
		t.Errorf("the turn ended with %v, want interrupted", err)
	}
	if err := c.Prompt(t.Context(), agent.Prompt{Text: "read"}); err != nil {
		t.Errorf("the conversation does not go on: %v", err)
	}
}

func TestInterruptWithdrawsWhatIsAsked(t *testing.T) {
	t.Parallel()
	w := &watcher{}
	c := open(t, w, agent.Options{})
	ended := make(chan error, 1)
	go func() { ended <- c.Prompt(t.Context(), agent.Prompt{Text: "edit"}) }()
	w.waitFor("the request", func() bool { return len(w.asked) > 0 })
	if err := c.Interrupt(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, agent.ErrInterrupted) {
		t.Errorf("the turn ended with %v, want interrupted", err)
	}
}

func TestFailureAndCrashAreToldAndTheConversationGoesOn(t *testing.T) {
	t.Parallel()
	w := &watcher{}
	c := open(t, w, agent.Options{})
	for word, want := range map[string]string{
		"fail":  "Demo could not finish: the demo failed, because you asked it to",
		"crash": "Demo ended unexpectedly (exit code 3): the demo crashed, because you asked it to",
	} {
		var failed *agent.Failure
		if err := c.Prompt(t.Context(), agent.Prompt{Text: word}); !errors.As(err, &failed) || !strings.HasPrefix(failed.Text, want) {
			t.Errorf("%s ended with %v, want %q", word, err, want)
		}
	}
	if err := c.Prompt(t.Context(), agent.Prompt{Text: "read"}); err != nil {
		t.Errorf("the conversation does not go on: %v", err)
	}
	if strings.Contains(w.said(), "begins a new one") {
		t.Error("the conversation was not resumed after the crash")
	}
}

func TestConversationIsResumed(t *testing.T) {
	t.Parallel()
	first := &watcher{}
	c := open(t, first, agent.Options{})
	if err := c.Prompt(t.Context(), agent.Prompt{Text: "read"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	second := &watcher{}
	again := open(t, second, agent.Options{Resume: first.native})
	if err := again.Prompt(t.Context(), agent.Prompt{Text: "read"}); err != nil {
		t.Fatal(err)
	}
	if second.native != first.native || strings.Contains(second.said(), "begins a new one") {
		t.Errorf("resumed as %q, want %q", second.native, first.native)
	}
}

func TestForeignConversationIsNotResumedAndThatIsSaid(t *testing.T) {
	t.Parallel()
	w := &watcher{}
	c := open(t, w, agent.Options{Resume: "somebody-elses"})
	var failed *agent.Failure
	if err := c.Prompt(t.Context(), agent.Prompt{Text: "read"}); !errors.As(err, &failed) || failed.Kind != agent.NotResumed {
		t.Errorf("the turn ended with %v", err)
	}
	if w.said() != "" || w.native != "" {
		t.Errorf("the demo, as %q, said:\n%s", w.native, w.said())
	}
}

func TestCompactIsTheAgentsCommand(t *testing.T) {
	t.Parallel()
	w := &watcher{}
	c := open(t, w, agent.Options{})
	for _, text := range []string{"read", "/compact"} { // by the first its commands are known
		if err := c.Prompt(t.Context(), agent.Prompt{Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(w.said(), "Shortened.") {
		t.Errorf("the demo said:\n%s", w.said())
	}
}

func TestModelIsChanged(t *testing.T) {
	t.Parallel()
	w := &watcher{}
	c := open(t, w, agent.Options{Config: agent.Config{Model: modelPatient}})
	if err := c.Prompt(t.Context(), agent.Prompt{Text: "read"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Configure(t.Context(), agent.Config{Model: "no-such-model"}); err == nil || !strings.Contains(err.Error(), "the demo has no such model") {
		t.Errorf("an unknown model was taken: %v", err)
	}
	if err := c.Configure(t.Context(), agent.Config{Model: modelQuick}); err != nil {
		t.Error(err)
	}
}
