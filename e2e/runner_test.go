//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hapi/internal/modeltest"
	"hapi/internal/wire"
)

// runnerEnv is the environment of a runner that starts the real agents.
func (w *world) runnerEnv() []string {
	return w.env("HAPI_CLAUDE_PATH="+w.claude, "HAPI_CODEX_APP_SERVER_BIN="+codexPath(w.t), "HAPI_RUNNER_HEARTBEAT_INTERVAL=1000")
}

// startRunner starts a runner and waits until the hub knows it.
func (w *world) startRunner(args ...string) *process {
	w.t.Helper()
	return w.startRunnerIn(w.runnerEnv(), args...)
}

func (w *world) startRunnerIn(env []string, args ...string) *process {
	w.t.Helper()
	w.t.Cleanup(w.endSessions) // after the runner: sessions do not end with it
	p := w.run(w.home, env, append([]string{"runner", "start-sync"}, args...)...)
	w.wait("the machine", func() bool { _, pid := w.machine(); return pid == p.cmd.Process.Pid })
	return p
}

// machine is the machine that is online, and its runner's process.
func (w *world) machine() (id wire.MachineID, pid int) {
	w.t.Helper()
	var list struct{ Machines []wire.Machine }
	w.get("/api/machines", &list)
	for _, m := range list.Machines {
		var state wire.RunnerState
		if json.Unmarshal(m.RunnerState, &state) == nil && state.Status == wire.RunnerRunning {
			return m.ID, state.PID
		}
	}
	return "", 0
}

// children are the session processes that a runner wrote down.
func (w *world) children() []int {
	w.t.Helper()
	var file struct{ Children []struct{ PID int } }
	raw, err := os.ReadFile(filepath.Join(w.home, "runner.sessions.json"))
	if err != nil || json.Unmarshal(raw, &file) != nil {
		return nil
	}
	var pids []int
	for _, c := range file.Children {
		pids = append(pids, c.PID)
	}
	return pids
}

func living(pid int) bool { return syscall.Kill(pid, 0) == nil }

func (w *world) endSessions() {
	for _, pid := range w.children() {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	deadline := time.Now().Add(20 * time.Second)
	for _, pid := range w.children() {
		for living(pid) && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond)
		}
		if living(pid) && !zombie(pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			w.t.Errorf("the session process %d did not end when asked", pid)
		}
	}
}

func zombie(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(raw), ") Z ")
}

type spawned struct {
	Type      string
	SessionID wire.SessionID `json:"sessionId"`
	Message   string
}

func (w *world) spawn(body map[string]any) (out spawned) {
	w.t.Helper()
	id, _ := w.machine()
	w.post("/api/machines/"+string(id)+"/spawn", body, &out)
	return out
}

// begin starts a session by the runner and waits until it is there.
func (w *world) begin(body map[string]any) {
	w.t.Helper()
	got := w.spawn(body)
	if got.Type != "success" {
		w.t.Fatalf("spawn: %+v", got)
	}
	w.id = got.SessionID
	w.wait("the session", func() bool { return w.detail().Active })
}

func (w *world) git(dir string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=T", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *world) put(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.project, name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// repository makes the project a repository with one file.
func (w *world) repository(name, content string) {
	w.put(name, content)
	w.git(w.project, "init")
	w.git(w.project, "add", ".")
	w.git(w.project, "commit", "-m", "first")
}

// diff is what has changed in a file, as a client sees it.
func (w *world) diff(name string) string {
	w.t.Helper()
	var out wire.CommandResult
	w.get(w.path("/git-diff-file?path="+name), &out)
	return out.Stdout
}

func TestAPhoneStartsClaudeLooksAtItsWorkAndResumesIt(t *testing.T) {
	w := newWorld(t)
	w.repository("app.txt", "one\n")
	w.startRunner("--workspace-root", w.project)
	w.begin(map[string]any{"directory": w.project, "agent": "claude", "permissionMode": "acceptEdits", "model": "sonnet"})
	if s := w.detail(); s.PermissionMode != wire.ModeAcceptEdits || s.Model == nil || *s.Model != "sonnet" {
		t.Errorf("the session has mode %q and model %v", s.PermissionMode, s.Model)
	}

	// A file from the phone, used in the prompt.
	var upload struct {
		Success bool
		Path    string
	}
	w.post(w.path("/upload"), map[string]string{"filename": "note.txt", "mimeType": "text/plain", "content": base64.StdEncoding.EncodeToString([]byte("the note says four"))}, &upload)
	w.model.Script(
		modeltest.ToolUse("Read", map[string]any{"file_path": filepath.Join(w.project, "app.txt")}),
		modeltest.ToolUse("Edit", map[string]any{"file_path": filepath.Join(w.project, "app.txt"), "old_string": "one", "new_string": "two"}),
		modeltest.Text("It is changed."),
	)
	w.post(w.path("/messages"), map[string]any{"text": "Change it", "localId": "local-1", "attachments": []map[string]any{
		{"id": "a1", "filename": "note.txt", "mimeType": "text/plain", "size": 18, "path": upload.Path},
	}}, nil)
	w.waitSaid("It is changed.")
	w.waitIdle()
	if got := w.model.Requests()[0].All(); !strings.Contains(got, "the note says four") {
		t.Errorf("the model did not see the file: %.500q", got)
	}

	// What it did.
	var command wire.CommandResult
	w.get(w.path("/git-status"), &command)
	if !command.Success || !strings.Contains(command.Stdout, "app.txt") {
		t.Errorf("status: %+v", command)
	}
	if diff := w.diff("app.txt"); !strings.Contains(diff, "-one\n+two\n") {
		t.Errorf("diff: %q", diff)
	}
	var file wire.FileContent
	w.get(w.path("/file?path=app.txt"), &file)
	if raw, err := base64.StdEncoding.DecodeString(file.Content); err != nil || string(raw) != "two\n" {
		t.Errorf("file: %+v", file)
	}
	var refused wire.Failed
	w.get(w.path("/file?path="+url.QueryEscape("../../etc/passwd")), &refused)
	if refused.Success || !strings.Contains(refused.Error, "Access denied") {
		t.Errorf("outside: %+v", refused)
	}
	var files struct{ Files []struct{ FullPath string } }
	w.get(w.path("/files?query=APP"), &files)
	if len(files.Files) != 1 || files.Files[0].FullPath != "app.txt" {
		t.Errorf("files: %+v", files)
	}
	var catalog wire.SlashCommands
	w.get(w.path("/slash-commands"), &catalog)
	if len(catalog.Commands) < 5 {
		t.Errorf("commands: %+v", catalog)
	}

	// Archived: the process ends. Resumed: the same session goes on.
	before := w.children()
	w.post(w.path("/archive"), nil, nil)
	w.model.Script(modeltest.Text("As I said, it is changed."))
	var resumed struct {
		Type      string
		SessionID wire.SessionID `json:"sessionId"`
	}
	w.post(w.path("/resume"), nil, &resumed)
	if resumed.SessionID != w.id {
		t.Fatalf("resume: %+v, want the same session", resumed)
	}
	if after := w.children(); len(before) != 1 || len(after) != 1 || before[0] == after[0] {
		t.Errorf("processes: %v, then %v", before, after)
	}
	w.send("What did you do?", "local-2")
	w.waitSaid("As I said, it is changed.")
	requests := w.model.Requests()
	if got := requests[len(requests)-1].All(); !strings.Contains(got, "It is changed.") {
		t.Errorf("the conversation was not resumed: %.500q", got)
	}
	if s := w.detail(); s.PermissionMode != wire.ModeAcceptEdits {
		t.Errorf("the mode is %q after the resume", s.PermissionMode)
	}

	// Archived and reopened.
	w.waitIdle()
	w.post(w.path("/archive"), nil, nil)
	var reopened struct {
		OK        bool
		SessionID wire.SessionID `json:"sessionId"`
		Resumed   bool
	}
	w.post(w.path("/reopen"), nil, &reopened)
	if !reopened.OK || reopened.SessionID != w.id || !reopened.Resumed {
		t.Errorf("reopen: %+v", reopened)
	}
	w.wait("the lifecycle", func() bool { return strings.Contains(string(w.detail().Metadata), `"lifecycleState":"running"`) })
}

func TestARunnerThatIsKilledInTheMiddleChangesNothingForSessions(t *testing.T) {
	w := newWorld(t)
	p := w.startRunner()
	w.begin(map[string]any{"directory": w.project})
	w.model.Script(bash("touch made.txt"), modeltest.Text("It is made."))
	w.send("Make it", "local-1")
	id := w.request("Bash") // in the middle of a turn
	p.kill()
	w.approve(id, nil)
	w.waitSaid("It is made.")
	pids := w.children()
	if len(pids) != 1 || !living(pids[0]) {
		t.Fatalf("the session's process: %v", pids)
	}
	status := w.run(w.home, w.runnerEnv(), "runner", "status")
	<-status.done
	if out := status.out.String(); !strings.Contains(out, "No runner is running") {
		t.Errorf("status after the kill: %s", out)
	}

	// The next one is told by the session, whatever the first had written down.
	if err := os.Remove(filepath.Join(w.home, "runner.sessions.json")); err != nil {
		t.Fatal(err)
	}
	w.startRunner()
	w.wait("the session to be known", func() bool { return len(w.children()) == 1 })
	list := w.run(w.home, w.runnerEnv(), "runner", "list", "--json")
	<-list.done
	if out := list.out.String(); !strings.Contains(out, string(w.id)) {
		t.Errorf("the new runner does not know the session: %s", out)
	}
	stop := w.run(w.home, w.runnerEnv(), "runner", "stop-session", string(w.id))
	<-stop.done
	if out := stop.out.String(); !strings.Contains(out, "has ended") || living(pids[0]) && !zombie(pids[0]) {
		t.Errorf("stop: %s", out)
	}
	w.wait("the end", func() bool { return !w.detail().Active })
}

func TestASessionInAWorktree(t *testing.T) {
	w := newWorld(t)
	w.repository("app.txt", "one\n")
	w.startRunner()
	w.begin(map[string]any{"directory": w.project, "sessionType": "worktree", "worktreeName": "Try this", "yolo": true})
	t.Cleanup(func() { _ = os.RemoveAll(w.project + "-worktrees") })
	var m struct {
		Path     string
		Worktree struct{ BasePath, Branch, Name, WorktreePath string }
	}
	if err := json.Unmarshal(w.detail().Metadata, &m); err != nil {
		t.Fatal(err)
	}
	tree := w.project + "-worktrees/try-this"
	if m.Path != tree || m.Worktree.Branch != "hapi-try-this" || m.Worktree.BasePath != w.project || m.Worktree.WorktreePath != tree {
		t.Errorf("metadata: %+v", m)
	}
	w.model.Script(bash("echo two > app.txt"), modeltest.Text("Done there."))
	w.send("Change it", "local-1")
	w.waitSaid("Done there.")
	if raw, err := os.ReadFile(filepath.Join(w.project, "app.txt")); err != nil || string(raw) != "one\n" {
		t.Errorf("the repository itself was changed: %q, %v", raw, err)
	}
	if diff := w.diff("app.txt"); !strings.Contains(diff, "+two") {
		t.Errorf("diff: %q", diff)
	}

	// Finished, it stays until its work is elsewhere; resumed, it is there again.
	clean := func() (out string) {
		w.wait("everybody to have left the worktree", func() bool {
			p := w.run(w.home, w.runnerEnv(), "runner", "worktrees", "clean")
			<-p.done
			out = p.out.String()
			return !strings.Contains(out, "works in it")
		})
		return out
	}
	w.waitIdle()
	w.post(w.path("/archive"), nil, nil)
	w.wait("the end of its process", func() bool { return len(w.children()) == 0 })
	if out := clean(); !strings.Contains(out, "stays: not committed: app.txt") {
		t.Errorf("with work in it: %s", out)
	}
	w.git(tree, "commit", "-am", "two")
	if out := clean(); !strings.Contains(out, "stays: commits that are on hapi-try-this alone") {
		t.Errorf("with a commit of its own: %s", out)
	}
	w.git(w.project, "merge", "hapi-try-this")
	if out := clean(); !strings.Contains(out, "Removed: 1") {
		t.Errorf("merged: %s", out)
	}
	if _, err := os.Stat(tree); err == nil {
		t.Error("the worktree is still there")
	}
	w.post(w.path("/resume"), nil, nil)
	if raw, err := os.ReadFile(filepath.Join(tree, "app.txt")); err != nil || string(raw) != "two\n" {
		t.Errorf("after the resume: %q, %v", raw, err)
	}
	w.model.Script(modeltest.Text("I am back."))
	w.send("Are you there?", "local-2")
	w.waitSaid("I am back.")
}

func TestWhyASessionCannotStartIsOneClearSentence(t *testing.T) {
	w := newWorld(t)
	w.put("file", "")
	w.startRunner("--workspace-root", w.project, "--workspace-root", "/sys")
	for _, c := range []struct {
		body map[string]any
		want string
	}{
		{map[string]any{"directory": "/etc"}, "Directory is outside this machine's workspace roots"},
		{map[string]any{"directory": "/sys/hapi"}, "/sys/hapi"},
		{map[string]any{"directory": w.project + "/file"}, "is a file, not a directory"},
		{map[string]any{"directory": w.project + "/missing", "sessionType": "worktree"}, "a worktree needs an existing repository"},
		{map[string]any{"directory": w.project, "agent": "kimi"}, "cannot start the agent"},
	} {
		got := w.spawn(c.body)
		if got.Type != "error" || !strings.Contains(got.Message, c.want) || strings.Contains(got.Message, "\n") {
			t.Errorf("%v: %+v, want %q", c.body, got, c.want)
		}
	}
	if n := len(w.children()); n != 0 {
		t.Errorf("%d processes are left", n)
	}
}

func TestAnAgentThatIsNotInstalledIsSaidWhenTheSessionIsAskedFor(t *testing.T) {
	w := newWorld(t)
	w.claude = filepath.Join(w.project, "no-claude-here")
	w.startRunner()
	got := w.spawn(map[string]any{"directory": w.project})
	if got.Type != "error" || !strings.Contains(got.Message, "Claude is not installed on") || !strings.Contains(got.Message, "npm install -g @anthropic-ai/claude-code") {
		t.Errorf("got %+v", got)
	}
	if n := len(w.sessions()); n != 0 {
		t.Errorf("%d sessions were made", n)
	}
}

func TestUpIsHubAndRunnerInOneAndOffersTheDemo(t *testing.T) {
	w := newWorld(t)
	w.hub.kill()
	w.t.Cleanup(w.endSessions)
	up := w.run(w.home, w.env("PATH=/usr/bin:/bin", "HAPI_CLAUDE_PATH=/nowhere/claude"), "up", "--local", "--port", w.port)
	w.wait("the machine", func() bool {
		status, _, err := w.tryCall(http.MethodGet, "/api/machines", nil)
		if err != nil || status != http.StatusOK {
			return false
		}
		_, pid := w.machine()
		return pid == up.cmd.Process.Pid
	})
	out := up.out.String()
	for _, want := range []string{w.url(""), "What to do next", "hapi demo"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	raw, err := os.ReadFile(filepath.Join(w.home, "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var settings struct {
		Token string `json:"cliApiToken"`
	}
	if err := json.Unmarshal(raw, &settings); err != nil || settings.Token == "" || strings.Contains(out, settings.Token) {
		t.Errorf("the token was printed to what is no terminal (%v)", err)
	}
	w.repository("demo-notes.md", "# Notes\n")
	w.begin(map[string]any{"directory": w.project, "agent": "demo"})
	w.send("edit", "local-1")
	w.wait("the demo to ask", func() bool {
		for id := range w.state().Requests {
			w.approve(id, nil)
			return true
		}
		return false
	})
	w.waitSaid("I have changed")
	if diff := w.diff("demo-notes.md"); !strings.Contains(diff, "+Changed by the demo at ") {
		t.Errorf("its edit shows as %q", diff)
	}
}

func TestARunnerIsInstalledAsAUnitThatSparesSessions(t *testing.T) {
	w := newWorld(t)
	bin := t.TempDir()
	calls := filepath.Join(bin, "calls")
	for _, name := range []string{"systemctl", "rpm-ostree"} { // what stands for systemd here
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho "+name+" \"$@\" >> "+calls+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	env := append(w.runnerEnv(), "PATH="+bin+":"+os.Getenv("PATH"))
	root := filepath.Join(w.project, `with "blanks"`)
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	install := w.run(w.home, env, "runner", "install", "--workspace-root", root)
	<-install.done
	unit, err := os.ReadFile(filepath.Join(w.user, ".config/systemd/user/hapi-runner.service"))
	if err != nil {
		t.Fatalf("%v\n%s", err, install.out)
	}
	for _, want := range []string{
		"KillMode=process", `ExecStart="` + hapi + `" "runner" "start-sync" "--workspace-root" "` + w.project + `/with \"blanks\""`,
		`Environment="HAPI_RUNNER_SUPERVISED=1"`, `Environment="HAPI_HOME=` + w.home + `"`, "Restart=always", "WantedBy=default.target",
	} {
		if !strings.Contains(string(unit), want) {
			t.Errorf("the unit lacks %q:\n%s", want, unit)
		}
	}
	said, err := os.ReadFile(calls)
	if err != nil || !strings.Contains(string(said), "systemctl start --user hapi-runner.service") {
		t.Errorf("systemd was told %q, %v", said, err)
	}
	uninstall := w.run(w.home, env, "runner", "uninstall")
	<-uninstall.done
	if _, err := os.Stat(filepath.Join(w.user, ".config/systemd/user/hapi-runner.service")); err == nil {
		t.Errorf("the unit is still there:\n%s", uninstall.out)
	}
}

func TestASessionStartsTheMachinesRunnerAlong(t *testing.T) {
	w := newWorld(t)
	env := w.env("HAPI_CLAUDE_PATH="+w.claude, "HAPI_RUNNER_AUTOSTART=1")
	said := func(args ...string) string {
		t.Helper()
		p := w.run(w.home, env, args...)
		select {
		case <-p.done:
		case <-time.After(patience):
			t.Fatalf("hapi %v does not end", args)
		}
		return p.out.String()
	}
	limits, err := json.Marshal([]string{w.project})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.home, "runner.roots.json"), limits, 0o600); err != nil { // of an earlier runner
		t.Fatal(err)
	}
	t.Cleanup(func() { said("runner", "stop") })
	w.startSessionIn(env)
	first := 0
	w.wait("the runner", func() bool { _, first = w.machine(); return first != 0 })
	w.startSessionIn(env)
	var status struct {
		PID            int
		Sessions       int
		WorkspaceRoots []string
	}
	w.wait("the runner to know the second session", func() bool {
		if err := json.Unmarshal([]byte(said("runner", "status", "--json")), &status); err != nil {
			t.Fatal(err)
		}
		return status.Sessions >= 1
	})
	if status.PID != first || len(status.WorkspaceRoots) != 1 || status.WorkspaceRoots[0] != w.project {
		t.Errorf("the runner is %+v, want the first one (pid %d) with the limits there were", status, first)
	}
	said("runner", "stop")
	w.startSessionIn(w.env("HAPI_CLAUDE_PATH=" + w.claude)) // HAPI_RUNNER_AUTOSTART=0
	if got := said("runner", "status"); !strings.Contains(got, "No runner is running.") {
		t.Errorf("a runner was started that nobody wanted: %s", got)
	}
}
