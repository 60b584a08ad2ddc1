//go:build e2e

package e2e

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // to make the hub forget

	"hapi/internal/modeltest"
)

func TestClaudeThatIsNotInstalledIsSaidOnce(t *testing.T) {
	w := newWorld(t)
	missing := filepath.Join(w.project, "claude")
	w.startSessionIn(w.env("HAPI_CLAUDE_PATH=" + missing))
	w.send("Hello", "local-1")
	w.waitSaid("Claude Code is not installed")
	w.waitIdle()
	if err := os.Symlink(w.claude, missing); err != nil {
		t.Fatal(err)
	}
	w.model.Script(modeltest.Text("Now I am here."))
	w.send("And now?", "local-2")
	w.waitSaid("Now I am here.")
	if n := strings.Count(w.conversation(), "not installed"); n != 1 {
		t.Errorf("it was said %d times, want once", n)
	}
}

func TestClaudeThatIsNotLoggedInIsSaidOnce(t *testing.T) {
	w := newWorld(t)
	var env []string
	for _, pair := range w.env("HAPI_CLAUDE_PATH=" + w.claude) {
		if !strings.HasPrefix(pair, "ANTHROPIC_API_KEY=") {
			env = append(env, pair)
		}
	}
	w.startSessionIn(env)
	w.send("Hello", "local-1")
	w.waitSaid("Claude is not logged in on this machine")
	w.waitIdle()
	if all := w.conversation(); strings.Count(all, "not logged in") != 1 || strings.Contains(all, "/login") {
		t.Errorf("want one clear event, got:\n%s", all)
	}
}

// claudeThat replaces Claude by a shell script.
func (w *world) claudeThat(script string) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "claude")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func TestClaudeThatCrashesIsSaidOnceAndTheSessionGoesOn(t *testing.T) {
	w := newWorld(t)
	path := w.claudeThat(`echo "segmentation something" >&2; exit 139`)
	w.startSessionIn(w.env("HAPI_CLAUDE_PATH=" + path))
	w.send("Hello", "local-1")
	w.waitSaid("Claude ended unexpectedly (exit code 139): segmentation something")
	w.waitIdle()
	if n := strings.Count(w.conversation(), "ended unexpectedly"); n != 1 {
		t.Errorf("it was said %d times, want once", n)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(w.claude, path); err != nil {
		t.Fatal(err)
	}
	w.model.Script(modeltest.Text("I am well again."))
	w.send("And now?", "local-2")
	w.waitSaid("I am well again.")
}

func TestClaudeThatPrintsGarbageDoesNoHarm(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("Through the noise."))
	path := w.claudeThat(`printf 'noise\n{"half":\n\377\376\n[]\n"x"\n{"type":7}\n'; exec "` + w.claude + `" "$@"`)
	w.startSessionIn(w.env("HAPI_CLAUDE_PATH=" + path))
	w.send("Hello", "local-1")
	w.waitSaid("Through the noise.")
	w.waitIdle()
	if all := w.conversation(); strings.Contains(all, "noise\\n") || strings.Contains(all, "half") {
		t.Errorf("garbage reached the conversation:\n%s", all)
	}
}

func TestAnUnknownOptionIsExplained(t *testing.T) {
	w := newWorld(t)
	w.startSession("--no-such-option")
	w.send("Hello", "local-1")
	w.waitSaid("does not understand how it was started")
}

func TestKilledSessionProcessLosesNothingAndGoesOnLater(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("The first answer."), modeltest.Text("The second answer."))
	w.startSession()
	w.send("One", "local-1")
	w.waitSaid("The first answer.")
	w.waitIdle()
	w.session.kill()
	w.send("Two", "local-2") // taken: the hub has not noticed yet
	w.wait("the hub to notice", func() bool { return !w.detail().Active })
	if !strings.Contains(w.conversation(), "The first answer.") {
		t.Error("what was acknowledged is gone")
	}
	w.startSession("--existing-session-id", string(w.id))
	w.waitSaid("The second answer.")
	if got := w.model.Requests()[1].All(); !strings.Contains(got, "The first answer.") {
		t.Errorf("the conversation was not resumed: %q", got)
	}
}

// TestAPromptThatWasTakenIsNotGivenAgain has the hub forget that Claude took it, as
// if hapi had been killed before it could tell.
func TestAPromptThatWasTakenIsNotGivenAgain(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("The first answer."), modeltest.Text("The second answer."))
	w.startSession()
	w.send("One", "local-1")
	w.waitSaid("The first answer.")
	w.waitIdle()
	w.session.kill()
	w.hub.kill()
	w.forgetTaken("local-1")
	w.startHub()
	w.startSession("--existing-session-id", string(w.id))
	w.waitSaid("Claude had this message already")
	w.wait("the hub to know", func() bool { return w.messages()[0].InvokedAt != nil })
	w.send("Two", "local-2")
	w.waitSaid("The second answer.")
	requests := w.model.Requests()
	if got := requests[len(requests)-1].All(); len(requests) != 2 || strings.Count(got, `One`) != 1 {
		t.Errorf("the model was asked %d times, the last time %q", len(requests), got)
	}
}

// forgetTaken makes a stopped hub not know that the agent has a prompt.
func (w *world) forgetTaken(localID string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.home, "hapi.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(w.t.Context(), "UPDATE messages SET invoked_at = NULL, position = created_at WHERE local_id = ?", localID); err != nil {
		w.t.Fatal(err)
	}
}
