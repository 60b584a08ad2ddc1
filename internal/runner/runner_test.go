package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hapi/internal/control"
	"hapi/internal/home"
	"hapi/internal/hub"
	"hapi/internal/wire"
)

// TestMain is also the session process that these tests let the runner start:
// the test binary, told by its environment how to behave.
func TestMain(m *testing.M) {
	if how := os.Getenv("TEST_SESSION"); how != "" {
		os.Exit(playSession(how))
	}
	if dir := os.Getenv("TEST_FULL_DISK"); dir != "" {
		os.Exit(spawnOnFullDisk(dir))
	}
	if os.Getenv("TEST_SLEEPER") != "" {
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Hour)
	}
	// One agent is there and one is not, whatever this machine has.
	_ = os.Setenv("HAPI_CODEX_APP_SERVER_BIN", os.Args[0])
	_ = os.Setenv("HAPI_CLAUDE_PATH", "/nowhere/claude")
	os.Exit(m.Run())
}

func playSession(how string) int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	switch how {
	case "dies":
		fmt.Fprintln(os.Stderr, "Error: there is no hub\nat all")
		return 3
	case "silent":
		<-stop
		return 0
	case "with children":
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "TEST_SESSION=", "TEST_SLEEPER=1")
		if err := child.Start(); err != nil {
			return 1
		}
		dir, _ := os.Getwd()
		_ = os.WriteFile(filepath.Join(dir, "child"), []byte(strconv.Itoa(child.Process.Pid)), 0o600)
	}
	id := "session-" + strconv.Itoa(os.Getpid())
	for i, arg := range os.Args {
		if arg == "--existing-session-id" {
			id = os.Args[i+1]
		}
	}
	metadata, err := json.Marshal(map[string]any{"hostPid": os.Getpid(), "startedBy": "runner", "args": os.Args[1:], "worktree": os.Getenv("HAPI_WORKTREE_BRANCH")})
	if err != nil {
		return 1
	}
	if err := control.Report(context.Background(), os.Getenv("HAPI_HOME"), wire.SessionStarted{SessionID: wire.SessionID(id), Metadata: metadata}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	<-stop
	return 0
}

// machine is a runner with its data directory; without a hub unless one is named.
type machine struct {
	t    *testing.T
	data *home.Home
	r    *Runner
	ctl  *control.Client
	stop func() error
}

func options(t *testing.T, dir string) Options {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Home: &home.Home{Dir: dir}, Version: "1.2.3", Executable: exe, Offered: func(string) bool { return true },
		Client:  &home.Client{APIURL: home.Value{Text: "http://127.0.0.1:1"}, Token: home.Value{Text: token}, MachineID: "machine-1", Hostname: "box"},
		Machine: map[string]any{"host": "box", "platform": "linux", "happyCliVersion": "1.2.3"},
		Env:     []string{"TEST_SESSION=reports"},
		Logger:  slog.New(slog.DiscardHandler), ReconnectMin: 10 * time.Millisecond, ReconnectMax: 20 * time.Millisecond,
	}
}

const token = "test-base-token-0123456789"

func startMachine(t *testing.T, o Options) *machine {
	t.Helper()
	m := &machine{t: t, data: o.Home}
	var err error
	if m.r, err = newRunner(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	m.r.stop = cancel
	ended := make(chan error, 1)
	go func() { ended <- m.r.run(ctx) }()
	m.wait("the runner", func() bool {
		m.ctl, _, err = control.Dial(t.Context(), o.Home.Dir)
		return err == nil
	})
	stopped := false
	m.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel(Shutdown{wire.ShutdownBySignal})
		return <-ended
	}
	t.Cleanup(func() {
		for _, one := range m.r.children.known() {
			one.identity.end(context.Background())
		}
		m.wait("the end of the sessions", func() bool { m.r.children.sweep(); return len(m.r.children.known()) == 0 })
		if err := m.stop(); err != nil {
			t.Errorf("the runner ended with %v", err)
		}
	})
	return m
}

func (m *machine) wait(what string, holds func() bool) {
	m.t.Helper()
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			m.t.Fatalf("waiting for %s", what)
		}
	}
}

// spawn asks for a session of the demo agent, which needs no program.
func (m *machine) spawn(in wire.SpawnRequest) wire.SpawnResult {
	m.t.Helper()
	if in.Agent == "" {
		in.Agent = "demo"
	}
	raw, err := json.Marshal(in)
	if err != nil {
		m.t.Fatal(err)
	}
	out, err := m.r.spawn(m.t.Context(), raw)
	if err != nil {
		m.t.Fatal(err)
	}
	return out.(wire.SpawnResult)
}

func (m *machine) mustSpawn(in wire.SpawnRequest) *child {
	m.t.Helper()
	got := m.spawn(in)
	if got.Type != wire.SpawnSuccess {
		m.t.Fatalf("spawn: %+v", got)
	}
	one, _ := m.r.children.find(string(got.SessionID))
	if one == nil {
		m.t.Fatal("the session is not known")
	}
	return one
}

func TestASessionIsStartedAndStopped(t *testing.T) {
	t.Parallel()
	m := startMachine(t, options(t, t.TempDir()))
	one := m.mustSpawn(wire.SpawnRequest{Directory: t.TempDir()})
	if got := m.r.List(); len(got) != 1 || got[0].PID != one.PID || got[0].StartedBy != byRunner {
		t.Errorf("list: %+v", got)
	}
	id := string(one.SessionID)
	for i, want := range []string{wire.StopStopped, wire.StopAlreadyGone} {
		if got := m.r.StopSession(t.Context(), id); got.Status != want {
			t.Errorf("stop %d: %s, want %s", i, got.Status, want)
		}
	}
	if one.fate() != gone {
		t.Error("the process lives")
	}
	if got := m.r.StopSession(t.Context(), "never-heard-of"); got.Status != wire.StopStillAlive {
		t.Errorf("an unknown session is %s: nothing proves that it is gone", got.Status)
	}
}

func TestStoppingEndsWhatTheSessionStarted(t *testing.T) {
	t.Parallel()
	o := options(t, t.TempDir())
	o.Env = []string{"TEST_SESSION=with children"}
	m := startMachine(t, o)
	dir := t.TempDir()
	one := m.mustSpawn(wire.SpawnRequest{Directory: dir})
	raw, err := os.ReadFile(filepath.Join(dir, "child"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(raw))
	if err != nil {
		t.Fatal(err)
	}
	grandchild, err := identify(pid)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.r.StopSession(t.Context(), "PID-"+strconv.Itoa(one.PID)); got.Status != wire.StopStopped {
		t.Errorf("stop: %s", got.Status)
	}
	if grandchild.fate() != gone {
		t.Error("what the session started goes on, although it does not mind SIGTERM")
	}
}

func TestSessionsSurviveTheRunnerAndAreTakenOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := startMachine(t, options(t, dir))
	lives := m.mustSpawn(wire.SpawnRequest{Directory: t.TempDir(), ExistingSessionID: "row-1"})
	dies := m.mustSpawn(wire.SpawnRequest{Directory: t.TempDir()})
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
	if lives.fate() != alive || dies.fate() != alive {
		t.Fatal("the sessions ended with the runner")
	}
	dies.signal(os.Kill)
	m.wait("the end of one session", func() bool { return dies.fate() == gone })

	next := startMachine(t, options(t, dir))
	if got := next.r.List(); len(got) != 1 || got[0].PID != lives.PID {
		t.Errorf("list: %+v, want the session that lives", got)
	}
	if got := next.r.StopSession(t.Context(), string(dies.SessionID)); got.Status != wire.StopAlreadyGone {
		t.Errorf("the session that died is %s", got.Status)
	}
	if got := next.spawn(wire.SpawnRequest{Directory: t.TempDir(), ExistingSessionID: "row-1"}); got.SessionID != "row-1" {
		t.Errorf("spawn: %+v", got)
	}
	if got := next.r.List(); len(got) != 1 || got[0].PID != lives.PID {
		t.Error("a second process was started for a session that has one")
	}
	if got := next.r.StopSession(t.Context(), "row-1"); got.Status != wire.StopStopped {
		t.Errorf("stop: %s", got.Status)
	}
	if lives.fate() != gone {
		t.Error("the process lives")
	}
}

func TestAProcessThatHasAnotherProcessesIDIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stranger := exec.Command("sleep", "1000")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	})
	who, err := identify(stranger.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(kept{Children: []*child{{identity: identity{PID: who.PID, Created: who.Created - 60_000}, SessionID: "old"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, childrenFile), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	m := startMachine(t, options(t, dir))
	if got := m.r.StopSession(t.Context(), "old"); got.Status != wire.StopAlreadyGone {
		t.Errorf("stop: %s", got.Status)
	}
	if who.fate() != alive {
		t.Error("a process was killed that only had the id of a session's")
	}
}

func TestAskingTwiceForASessionStartsOneProcess(t *testing.T) {
	t.Parallel()
	m := startMachine(t, options(t, t.TempDir()))
	results := make(chan wire.SpawnResult, 8)
	dir := t.TempDir()
	for range cap(results) {
		go func() {
			results <- m.r.Spawn(t.Context(), wire.SpawnRequest{Directory: dir, Agent: "demo", SessionID: "row-1"})
		}()
	}
	for range cap(results) {
		if got := <-results; got.SessionID != "row-1" {
			t.Errorf("spawn: %+v", got)
		}
	}
	if got := m.r.List(); len(got) != 1 {
		t.Errorf("%d processes feed one session", len(got))
	}
}

func TestASessionThatIsEndingGetsANewProcessOnceItHasEnded(t *testing.T) {
	t.Parallel()
	m := startMachine(t, options(t, t.TempDir()))
	first := m.mustSpawn(wire.SpawnRequest{Directory: t.TempDir(), ExistingSessionID: "row-1"})
	metadata := json.RawMessage(`{"hostPid":` + strconv.Itoa(first.PID) + `}`)
	if err := control.Ending(t.Context(), m.data.Dir, wire.SessionStarted{SessionID: "row-1", Metadata: metadata}); err != nil {
		t.Fatal(err)
	}
	result := make(chan wire.SpawnResult, 1)
	dir := t.TempDir()
	go func() {
		result <- m.r.Spawn(t.Context(), wire.SpawnRequest{Directory: dir, Agent: "demo", ExistingSessionID: "row-1"})
	}()
	select {
	case got := <-result:
		t.Fatalf("spawn while the first process lives: %+v", got)
	case <-time.After(50 * time.Millisecond): // nothing may come
	}
	first.signal(syscall.SIGTERM)
	if got := <-result; got.SessionID != "row-1" {
		t.Errorf("spawn: %+v", got)
	}
	if got := m.r.List(); len(got) != 1 || got[0].PID == first.PID {
		t.Errorf("list: %+v, want a new process", got)
	}
}

func TestASessionThatWasHandedOverIsWithItsNewProcess(t *testing.T) {
	t.Parallel()
	m := startMachine(t, options(t, t.TempDir()))
	first := m.mustSpawn(wire.SpawnRequest{Directory: t.TempDir(), ExistingSessionID: "row-1"})
	sleeper := exec.Command("sleep", "1000")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = sleeper.Wait() }()
	m.r.children.ending(first.PID)
	report := wire.SessionStarted{SessionID: "row-1", Metadata: json.RawMessage(`{"startedBy":"terminal","hostPid":` + strconv.Itoa(sleeper.Process.Pid) + `}`)}
	if err := control.Report(t.Context(), m.data.Dir, report); err != nil {
		t.Fatal(err)
	}
	if one, _ := m.r.children.find("row-1"); one.PID != sleeper.Process.Pid {
		t.Errorf("the session's process is %d, want %d", one.PID, sleeper.Process.Pid)
	}
	first.signal(syscall.SIGTERM)
	m.wait("the end of the first", func() bool { return len(m.r.children.known()) == 1 })
	if got := m.r.StopSession(t.Context(), "row-1"); got.Status != wire.StopStopped {
		t.Errorf("stop: %s", got.Status)
	}
	if got := m.r.StopSession(t.Context(), "row-1"); got.Status != wire.StopAlreadyGone {
		t.Errorf("stop again: %s", got.Status)
	}
}

func TestWhyASessionDidNotStartIsOneSentence(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	o := options(t, t.TempDir())
	o.Roots = []string{root}
	o.ReportWithin = 300 * time.Millisecond
	m := startMachine(t, o)
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"out": "/", "nowhere": filepath.Join(root, "missing")} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	no := false
	for _, c := range []struct {
		in   wire.SpawnRequest
		how  string
		want string
	}{
		{wire.SpawnRequest{Directory: "/"}, "", "Directory is outside this machine's workspace roots"},
		{wire.SpawnRequest{Directory: root + "/out/tmp"}, "", "Directory is outside this machine's workspace roots"},
		{wire.SpawnRequest{Directory: root + "/../x"}, "", "Directory is outside this machine's workspace roots"},
		{wire.SpawnRequest{Directory: "project"}, "", "the directory project is not a whole path: begin it with / or ~/"},
		{wire.SpawnRequest{Directory: file}, "", file + " is a file, not a directory"},
		{wire.SpawnRequest{Directory: file + "/x"}, "", file + "/x cannot exist: a part of the path is a file"},
		{wire.SpawnRequest{Directory: root + "/nowhere"}, "", "Directory is outside this machine's workspace roots"},
		{wire.SpawnRequest{Directory: root + "/new", SessionType: "worktree"}, "", root + "/new does not exist: a worktree needs an existing repository"},
		{wire.SpawnRequest{Directory: root, SessionType: "worktree"}, "", "a worktree needs a git repository, and " + root + " is not in one"},
		{wire.SpawnRequest{Directory: root, StartingMode: "pty"}, "", `hapi does not start sessions in the mode "pty": only "remote"`},
		{wire.SpawnRequest{Directory: root, Agent: "pi"}, "", `this version of hapi on box cannot start the agent "pi"`},
		{
			wire.SpawnRequest{Directory: root, Agent: "claude"}, "",
			"Claude is not installed on box: `/nowhere/claude` was not found. Install it there, for example with `npm install -g @anthropic-ai/claude-code`, or set HAPI_CLAUDE_PATH",
		},
		{wire.SpawnRequest{Directory: root}, "dies", "exit status 3): there is no hub at all"},
		{wire.SpawnRequest{Directory: root}, "silent", "the session was not ready within 300ms"},
	} {
		m.r.o.Env = []string{"TEST_SESSION=" + c.how}
		got := m.spawn(c.in)
		if got.Type != wire.SpawnError || !strings.Contains(got.ErrorMessage, c.want) || strings.Contains(got.ErrorMessage, "\n") {
			t.Errorf("%+v: got %+v, want %q", c.in, got, c.want)
		}
		if last := m.r.state.LastSpawnError; last == nil || last.Message != got.ErrorMessage {
			t.Errorf("the machine's last failure is %+v", last)
		}
	}
	if got := m.spawn(wire.SpawnRequest{Directory: root + "/new", ApprovedNewDirectory: &no}); got.Type != wire.SpawnNeedsApproval || got.Directory != root+"/new" {
		t.Errorf("got %+v, want a question", got)
	}
	if _, err := m.r.spawn(t.Context(), json.RawMessage(`{"type":"spawn-in-directory"}`)); err == nil || err.Error() != "Directory is required" {
		t.Errorf("got %v", err)
	}
	if len(m.r.children.known()) != 0 {
		t.Error("a failed start left a process")
	}
	m.r.o.Env, m.r.o.ReportWithin = []string{"TEST_SESSION=reports"}, time.Minute
	m.mustSpawn(wire.SpawnRequest{Directory: root + "/new/deep"}) // made
	if m.r.state.LastSpawnError != nil {
		t.Error("a success does not clear the last failure")
	}
}

func repository(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "repo")
	for _, args := range [][]string{{"init", "-b", "main", dir}, {"-C", dir, "-c", "user.name=T", "-c", "user.email=t@t", "commit", "--allow-empty", "-m", "first"}} {
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return dir
}

func TestASessionGetsAWorktreeOfItsOwn(t *testing.T) {
	t.Parallel()
	m := startMachine(t, options(t, t.TempDir()))
	repo := repository(t)
	one := m.mustSpawn(wire.SpawnRequest{Directory: repo, SessionType: "worktree", WorktreeName: "Fix: the Login!"})
	if want := repo + "-worktrees/fix-the-login"; one.Directory != want {
		t.Errorf("the session works in %s, want %s", one.Directory, want)
	}
	if branch, err := git(t.Context(), one.Directory, "branch", "--show-current"); err != nil || branch != "hapi-fix-the-login" {
		t.Errorf("its branch is %q, %v", branch, err)
	}
	second := m.mustSpawn(wire.SpawnRequest{Directory: repo, SessionType: "worktree", WorktreeName: "fix the login"})
	if second.Directory == one.Directory || !strings.HasPrefix(second.Directory, repo+"-worktrees/fix-the-login-") {
		t.Errorf("the second works in %s", second.Directory)
	}
}

func TestAFailedStartLeavesNoWorktreeUnlessSomethingWouldBeLost(t *testing.T) {
	t.Parallel()
	o := options(t, t.TempDir())
	o.Env = []string{"TEST_SESSION=dies"}
	m := startMachine(t, o)
	repo := repository(t)
	if got := m.spawn(wire.SpawnRequest{Directory: repo, SessionType: "worktree", WorktreeName: "x"}); got.Type != wire.SpawnError {
		t.Fatalf("spawn: %+v", got)
	}
	if left, _ := os.ReadDir(repo + "-worktrees"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if out, err := git(t.Context(), repo, "branch", "--list", "hapi-*"); err != nil || out != "" {
		t.Errorf("branches left: %q, %v", out, err)
	}

	changed, err := makeWorktree(t.Context(), repo, "changed", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(changed.Path, "work.txt")
	if err := os.WriteFile(work, []byte("hours"), 0o600); err != nil {
		t.Fatal(err)
	}
	committed, err := makeWorktree(t.Context(), repo, "committed", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := git(t.Context(), committed.Path, "-c", "user.name=T", "-c", "user.email=t@t", "commit", "--allow-empty", "-m", "work"); err != nil {
		t.Fatal(err)
	}
	for _, tree := range []*worktree{changed, committed} {
		if err := tree.remove(t.Context()); err == nil {
			t.Errorf("%s was removed with work in it", tree.Name)
		}
		if _, err := os.Stat(tree.Path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(work); err != nil {
		t.Error("work was lost")
	}
}

func TestArgumentsOfEachAgent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   wire.SpawnRequest
		want string
	}{
		{wire.SpawnRequest{}, "claude --hapi-starting-mode remote --started-by runner"},
		{
			wire.SpawnRequest{Agent: "claude", ResumeSessionID: "r", ForkSession: true, ExistingSessionID: "e", Model: "opus", Effort: "high", PermissionMode: "plan", Yolo: true, ServiceTier: "fast"},
			"claude --resume r --fork-session --hapi-starting-mode remote --started-by runner --existing-session-id e --model opus --effort high --permission-mode plan",
		},
		{
			wire.SpawnRequest{Agent: "codex", ResumeSessionID: "r", ExistingSessionID: "e", Model: "m", ModelReasoningEffort: "low", ServiceTier: "fast", CollaborationMode: "plan", Yolo: true},
			"codex resume r --hapi-starting-mode remote --started-by runner --existing-session-id e --model m --model-reasoning-effort low --service-tier fast --collaboration-mode plan --yolo",
		},
		{wire.SpawnRequest{Agent: "codex", CollaborationMode: "default", PermissionMode: "nonsense"}, "codex --hapi-starting-mode remote --started-by runner"},
		{wire.SpawnRequest{Agent: "opencode", ResumeSessionID: "r", Effort: "x"}, "opencode --resume r --hapi-starting-mode remote --started-by runner"},
	} {
		a, ok := agentOf(c.in.Agent)
		if got := strings.Join(a.args(&c.in), " "); !ok || got != c.want {
			t.Errorf("%+v:\ngot  %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestTheControlChannelIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := startMachine(t, options(t, dir))
	if info, err := os.Stat(filepath.Join(dir, control.StateFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the state file: %v, %v", info.Mode(), err)
	}
	call := func(path string, change func(*http.Request)) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d%s", m.ctl.State.HTTPPort, path), strings.NewReader(`{"sessionId":"x","metadata":{"hostPid":`+strconv.Itoa(os.Getpid())+`}}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+m.ctl.State.Secret)
		change(req)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	for _, path := range []string{"/status", "/list", "/stop", "/stop-session", "/spawn-session", "/session-started"} {
		for name, change := range map[string]func(*http.Request){
			"no secret":    func(r *http.Request) { r.Header.Del("Authorization") },
			"wrong secret": func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") },
			"a page":       func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
			"another name": func(r *http.Request) { r.Host = "evil.example:80" },
		} {
			if got := call(path, change); got != http.StatusUnauthorized && got != http.StatusForbidden {
				t.Errorf("%s with %s: %d", path, name, got)
			}
		}
	}
	if got := call("/session-started", func(*http.Request) {}); got != http.StatusOK {
		t.Errorf("a session of this user's: %d", got)
	}
	if got := m.r.List(); len(got) != 1 || got[0].StartedBy != byTerminal {
		t.Errorf("list: %+v", got)
	}
	for _, one := range m.r.children.known() { // it is us
		m.r.children.remove(one)
	}
}

// known are all children at this moment.
func (c *children) known() (all []*child) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.all {
		all = append(all, one)
	}
	return all
}

// testHub is a hub in this process.
func testHub(t *testing.T) (url string) {
	t.Helper()
	url, stop := hubAt(t, t.TempDir(), "127.0.0.1:0")
	t.Cleanup(stop)
	return url
}

// hubAt is a hub with a data directory and an address, until stop is called.
func hubAt(t *testing.T, dir, address string) (url string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	h, err := hub.Open(t.Context(), &home.Hub{
		Token: home.Value{Text: token}, DBPath: filepath.Join(dir, "hapi.db"), JWTSecret: bytes.Repeat([]byte("k"), 32), OwnerID: 7,
		CORSOrigins: []string{"http://localhost:3006"},
	}, hub.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- h.Serve(ctx, l, func() { close(ready) }) }()
	<-ready
	return "http://" + l.Addr().String(), func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func hubCall(t *testing.T, url, jwt, method, path, body string, out any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+jwt)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		t.Fatal(err)
	}
}

type shownMachine struct {
	Active   bool
	Metadata struct {
		Roots        []string `json:"workspaceRoots"`
		Capabilities []string
		Name         string `json:"displayName"`
	}
	RunnerState wire.RunnerState `json:"runnerState"`
	Health      *wire.Health
}

func TestAMachineIsReachableThroughItsHub(t *testing.T) {
	t.Parallel()
	url, dir, root := testHub(t), t.TempDir(), t.TempDir()
	var grant struct{ Token string }
	hubCall(t, url, "", http.MethodPost, "/api/auth", `{"accessToken":"`+token+`"}`, &grant)
	o := options(t, dir)
	o.Client.APIURL.Text, o.Roots = url, []string{root}
	m := startMachine(t, o)
	see := func() (found shownMachine) {
		var list struct{ Machines []shownMachine }
		hubCall(t, url, grant.Token, http.MethodGet, "/api/machines", "", &list)
		if len(list.Machines) == 1 {
			found = list.Machines[0]
		}
		return found
	}
	m.wait("the machine", func() bool {
		got := see()
		return got.Active && got.Health != nil && got.RunnerState.Status == wire.RunnerRunning
	})
	got := see()
	if !slices.Equal(got.Metadata.Roots, o.Roots) || !slices.Contains(got.Metadata.Capabilities, wire.MethodCursorChatStoreStatus) ||
		got.RunnerState.Capabilities == nil || got.RunnerState.PID != os.Getpid() || got.Health.MemoryPercent == nil {
		t.Errorf("the machine is %+v", got)
	}
	var spawned struct {
		Type      string
		SessionID string `json:"sessionId"`
		Message   string
	}
	hubCall(t, url, grant.Token, http.MethodPost, "/api/machines/machine-1/spawn", `{"directory":"`+root+`/nope/x","agent":"pi"}`, &spawned)
	if spawned.Type != "error" || !strings.Contains(spawned.Message, `cannot start the agent "pi"`) {
		t.Errorf("spawn: %+v", spawned)
	}
	m.wait("the failure on the machine", func() bool {
		last := see().RunnerState.LastSpawnError
		return last != nil && last.Message == spawned.Message
	})
	hubCall(t, url, grant.Token, http.MethodPost, "/api/machines/machine-1/spawn", `{"directory":"`+root+`","agent":"codex"}`, &spawned)
	if spawned.Type != "success" || spawned.SessionID == "" {
		t.Errorf("spawn: %+v", spawned)
	}
	if err := os.MkdirAll(filepath.Join(root, "repo/.git"), 0o700); err != nil {
		t.Fatal(err)
	}
	var listed wire.Directory
	hubCall(t, url, grant.Token, http.MethodPost, "/api/machines/machine-1/list-directory", `{"path":"`+root+`"}`, &listed)
	if len(listed.Entries) != 1 || listed.Entries[0].Name != "repo" || !*listed.Entries[0].IsGitRepo {
		t.Errorf("list: %+v", listed)
	}
	var refused wire.Failed
	hubCall(t, url, grant.Token, http.MethodPost, "/api/machines/machine-1/list-directory", `{"path":"/"}`, &refused)
	if refused.Error != "Path is outside workspace roots" {
		t.Errorf("list of /: %+v", refused)
	}
	var exist wire.PathsExist
	hubCall(t, url, grant.Token, http.MethodPost, "/api/machines/machine-1/paths/exists", `{"paths":["`+root+`"," /nope "]}`, &exist)
	if !exist.Exists[root] || exist.Exists["/nope"] || len(exist.Exists) != 2 {
		t.Errorf("exist: %+v", exist)
	}
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
	m.wait("the machine to be gone", func() bool { return !see().Active })

	o.Roots = nil // the hub must not go on showing limits that are gone
	next := startMachine(t, o)
	next.wait("the machine again", func() bool {
		got := see()
		return got.Active && got.Metadata.Roots == nil && got.RunnerState.Status == wire.RunnerRunning
	})
	hubCall(t, url, grant.Token, http.MethodPost, "/api/machines/machine-1/list-directory", `{"path":"/"}`, &refused)
	if refused.Error != "Workspace browsing is not enabled for this machine" {
		t.Errorf("list without roots: %+v", refused)
	}
	if got := next.r.List(); len(got) != 1 {
		t.Errorf("the session of the earlier runner is not known: %+v", got)
	}
}

func TestOldLogsAreRemoved(t *testing.T) {
	t.Parallel()
	o := options(t, t.TempDir())
	logs := o.Home.Path("logs")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{"new.log": time.Hour, "old.log": 2 * keepLogs, "old.out": 2 * keepLogs, "old.txt": 2 * keepLogs} {
		path := filepath.Join(logs, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	startMachine(t, o)
	left, err := filepath.Glob(filepath.Join(logs, "*"))
	if err != nil || len(left) != 2 {
		t.Errorf("left: %v, %v; want new.log, and what is not ours", left, err)
	}
}

func TestAnUnreadableListOfSessionsDoesNotStopTheRunner(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "{", "[]", `{"children":[null,{},{"pid":-1}],"gone":null}`, `{"children":{}}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, childrenFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		m := startMachine(t, options(t, dir))
		m.mustSpawn(wire.SpawnRequest{Directory: t.TempDir()})
		if got := m.r.List(); len(got) != 1 {
			t.Errorf("%q: list %+v", content, got)
		}
	}
}

func TestASecondRunnerDoesNotStart(t *testing.T) {
	t.Parallel()
	h := &home.Home{Dir: t.TempDir()}
	lock, err := acquire(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	if err := keepRoots(h, []string{"/limited"}); err != nil { // the first one's
		t.Fatal(err)
	}
	o := options(t, h.Dir)
	o.Roots = []string{t.TempDir()}
	if err := Run(t.Context(), o); err != ErrRunning {
		t.Errorf("got %v, want %v", err, ErrRunning)
	}
	if got, err := LastRoots(h); err != nil || !slices.Equal(got, []string{"/limited"}) {
		t.Errorf("the next runner would have the roots %q (%v)", got, err)
	}
}

func TestTheRootsOfTheLatestRunnerAreKnownAfterItsEnd(t *testing.T) {
	t.Parallel()
	o := options(t, t.TempDir())
	if got, err := LastRoots(o.Home); got != nil || err != nil {
		t.Errorf("before any runner: %q, %v", got, err)
	}
	o.Roots = []string{t.TempDir()}
	if err := startMachine(t, o).stop(); err != nil {
		t.Fatal(err)
	}
	if got, err := LastRoots(o.Home); err != nil || !slices.Equal(got, o.Roots) {
		t.Errorf("got %q, %v, want %q", got, err, o.Roots)
	}
	if err := os.WriteFile(o.Home.Path(rootsFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LastRoots(o.Home); err == nil {
		t.Error("roots that cannot be read count as none")
	}
}

func TestAHubThatRefusesTheMachineEndsTheRunner(t *testing.T) {
	t.Parallel()
	o := options(t, t.TempDir())
	o.Client.APIURL.Text, o.Client.Token.Text = testHub(t), "another-token-0123456789"
	if err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "register this machine") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(o.Home.Path(control.StateFile)); err == nil {
		t.Error("the state file was left")
	}
}
