//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hapi/internal/modeltest"
)

// codexThat replaces Codex by a shell script.
func (w *world) codexThat(script string) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "codex")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// failsOnce starts a Codex that fails, checks that people are told once, and
// that the session works with the real one.
func (w *world) failsOnce(path, said string) {
	w.t.Helper()
	w.startSessionIn(w.env("HAPI_CODEX_APP_SERVER_BIN="+path), "codex")
	w.send("Hello", "local-1")
	w.waitSaid(said)
	w.waitIdle()
	if n := strings.Count(w.conversation(), said); n != 1 {
		w.t.Errorf("%q was said %d times, want once", said, n)
	}
	_ = os.Remove(path)
	if err := os.Symlink(codexPath(w.t), path); err != nil {
		w.t.Fatal(err)
	}
	w.model.Script(modeltest.Text("I am well again."))
	w.send("And now?", "local-2")
	w.waitSaid("I am well again.")
}

func TestCodexThatIsNotInstalledIsSaidOnce(t *testing.T) {
	w := newWorld(t)
	w.failsOnce(filepath.Join(w.t.TempDir(), "codex"), "Codex is not installed")
}

func TestCodexThatCrashesIsSaidOnce(t *testing.T) {
	w := newWorld(t)
	w.failsOnce(w.codexThat(`echo "segmentation something" >&2; exit 139`), "Codex ended unexpectedly (exit code 139): segmentation something")
}

func TestCodexThatPrintsGarbageIsSaidOnce(t *testing.T) {
	w := newWorld(t)
	w.failsOnce(w.codexThat(`echo "Welcome to my wrapper"; cat >/dev/null`), "something that is not its protocol")
}

func TestCodexThatIsTooOldIsSaidOnce(t *testing.T) {
	w := newWorld(t)
	w.failsOnce(w.codexThat(`echo "error: unrecognized subcommand 'app-server'" >&2; exit 2`), "too old")
}

func TestCodexThatIsNotLoggedInIsSaidOnce(t *testing.T) {
	w := newWorld(t)
	w.env() // writes the home
	config := filepath.Join(w.user, ".codex", "config.toml")
	env := w.env("HAPI_CODEX_APP_SERVER_BIN=" + codexPath(t))
	if err := os.WriteFile(config, []byte("check_for_update_on_startup = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.startSessionIn(env, "codex")
	w.send("Hello", "local-1")
	w.waitSaid("Codex is not logged in on this machine")
	w.waitIdle()
	if n := strings.Count(w.conversation(), "not logged in"); n != 1 {
		t.Errorf("it was said %d times, want once", n)
	}
}

func TestCodexWhoseModelFailsSaysSo(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Fail(400, "invalid_request_error", "the model is unwell"))
	w.startCodex()
	w.send("Hello", "local-1")
	w.waitSaid("Task failed: ")
	w.waitSaid("unwell")
	w.waitIdle()
	w.model.Script(modeltest.Text("Better."))
	w.send("And now?", "local-2")
	w.waitSaid("Better.")
}

func TestCodexKilledInItsTurnGoesOnWithTheNextMessage(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{}, 4)
	for range 4 {
		gate <- struct{}{}
	}
	w.model.Script(modeltest.Slow("Said before the end of the process came, and never after it.", gate))
	w.startCodex()
	w.send("Talk", "local-1")
	w.waitSaid("Said before")
	for _, p := range w.family() {
		p.kill(t)
	}
	w.waitSaid("Codex ended unexpectedly")
	w.waitIdle()
	w.model.Script(modeltest.Text("Here again."))
	w.send("And now?", "local-2")
	w.waitSaid("Here again.")
	if got := w.model.Requests()[1].All(); !strings.Contains(got, "Talk") {
		t.Errorf("the conversation was lost: %q", got)
	}
}
