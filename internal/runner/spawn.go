package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	agentchild "hapi/internal/agent/child"
	"hapi/internal/home"
	"hapi/internal/wire"
)

// spawn is spawn-happy-session.
func (r *Runner) spawn(ctx context.Context, params json.RawMessage) (any, error) {
	var in wire.SpawnRequest
	if err := json.Unmarshal(params, &in); err != nil {
		return nil, errors.New("Invalid spawn request")
	}
	if strings.TrimSpace(in.Directory) == "" {
		return nil, errors.New("Directory is required")
	}
	return r.Spawn(ctx, in), nil
}

// pending is a spawn that has not answered yet.
type pending struct {
	done   chan struct{}
	result wire.SpawnResult
}

// Spawn starts a session process and waits until it has its session. Asking
// again for the same existing session never starts a second process.
func (r *Runner) Spawn(ctx context.Context, in wire.SpawnRequest) wire.SpawnResult {
	if in.ExistingSessionID == "" {
		in.ExistingSessionID = in.SessionID
	}
	if in.Agent == "" {
		in.Agent = wire.FlavorClaude
	}
	id := in.ExistingSessionID
	if id == "" {
		return r.start(ctx, in)
	}
	r.mu.Lock()
	p := r.spawning[id]
	if p == nil {
		p = &pending{done: make(chan struct{})}
		r.spawning[id] = p
		r.mu.Unlock()
		p.result = r.startOnce(ctx, in)
		r.mu.Lock()
		delete(r.spawning, id)
		r.mu.Unlock()
		close(p.done)
		return p.result
	}
	r.mu.Unlock()
	select {
	case <-p.done:
		return p.result
	case <-ctx.Done():
		return spawnError(context.Cause(ctx))
	}
}

// endsWithin is how long a session's earlier process may take to say goodbye.
const endsWithin = 15 * time.Second

// startOnce starts a process for an existing session, unless there is one.
func (r *Runner) startOnce(ctx context.Context, in wire.SpawnRequest) wire.SpawnResult {
	if one, _ := r.children.find(string(in.ExistingSessionID)); one != nil && one.fate() == alive {
		id, ending := r.children.session(one)
		if id != "" && !ending {
			return wire.SpawnResult{Type: wire.SpawnSuccess, SessionID: id}
		}
		if !one.wait(ctx, endsWithin) {
			return spawnError(fmt.Errorf("the earlier process of this session (pid %d) is still ending: try again in a moment", one.PID))
		}
	}
	return r.start(ctx, in)
}

func spawnError(err error) wire.SpawnResult {
	return wire.SpawnResult{Type: wire.SpawnError, ErrorMessage: err.Error()}
}

// needsApproval says that the directory would have to be made.
type needsApproval struct{ dir string }

func (e needsApproval) Error() string { return e.dir + " does not exist" }

// start starts a process and says on the machine how that went.
func (r *Runner) start(ctx context.Context, in wire.SpawnRequest) wire.SpawnResult {
	r.busy.Add(1)
	defer r.busy.Add(-1)
	id, failed, err := r.tryStart(ctx, in)
	var approval needsApproval
	if errors.As(err, &approval) {
		return wire.SpawnResult{Type: wire.SpawnNeedsApproval, Directory: approval.dir}
	}
	if err != nil {
		failed.Message, failed.At = err.Error(), wire.Now()
		r.log.Warn("a session was not started", "agent", in.Agent, "directory", in.Directory, "err", err)
		r.setSpawnFailure(&failed)
		return spawnError(err)
	}
	r.setSpawnFailure(nil)
	return wire.SpawnResult{Type: wire.SpawnSuccess, SessionID: id}
}

// tryStart does the work. An error is a sentence for the person; failed has what
// is known of the process besides.
func (r *Runner) tryStart(ctx context.Context, in wire.SpawnRequest) (id wire.SessionID, failed wire.SpawnFailure, err error) {
	a, err := r.launchable(in)
	if err != nil {
		return "", failed, err
	}
	if err := r.bringBack(ctx, in.Directory); err != nil {
		return "", failed, err
	}
	dir, err := r.directory(in)
	if err != nil {
		return "", failed, err
	}
	var tree *worktree
	if in.SessionType == "worktree" {
		r.worktrees.Lock()
		tree, err = makeWorktree(ctx, dir, in.WorktreeName, time.Now())
		r.worktrees.Unlock()
		if err != nil {
			return "", failed, err
		}
		dir = tree.Path
		if err := (&Worktree{worktree: *tree, home: r.o.Home}).save(); err != nil { // it is only not found by a clean-up
			r.log.Warn("a worktree was not noted", "worktree", tree.Path, "err", err)
		}
	}
	id, failed, err = r.launch(ctx, a, in, dir, tree)
	if err != nil && tree != nil {
		if removeErr := tree.remove(context.WithoutCancel(ctx)); removeErr != nil {
			r.log.Warn("the worktree of a failed start stays", "worktree", tree.Path, "err", removeErr)
		} else {
			_ = os.Remove((&Worktree{worktree: *tree, home: r.o.Home}).file()) // nobody comes back to it
		}
	}
	return id, failed, err
}

// bringBack makes a worktree again that was cleaned up and is wanted once more.
func (r *Runner) bringBack(ctx context.Context, dir string) error {
	dir = filepath.Clean(expandHome(strings.TrimSpace(dir)))
	if !r.roots.contain(dir) {
		return nil // it will be refused
	}
	r.worktrees.Lock()
	defer r.worktrees.Unlock()
	return BringBack(ctx, r.o.Home, dir)
}

// launchable finds the agent, and says what is missing to start it.
func (r *Runner) launchable(in wire.SpawnRequest) (agent, error) {
	a, ok := r.find(in.Agent)
	if !ok || !r.o.Offered(a.command) {
		return a, fmt.Errorf("this version of hapi on %s cannot start the agent %q", r.o.Client.Hostname, in.Agent)
	}
	if in.StartingMode != "" && in.StartingMode != "remote" {
		return a, fmt.Errorf("hapi does not start sessions in the mode %q: only \"remote\"", in.StartingMode)
	}
	if name := a.missing(); name != "" {
		if a.install == "" {
			return a, fmt.Errorf("%s is not installed on %s: `%s` of its settings was not found", in.Agent, r.o.Client.Hostname, name)
		}
		err := fmt.Errorf("%s is not installed on %s: `%s` was not found. Install it there, for example with `%s`",
			in.Agent.Label(), r.o.Client.Hostname, name, a.install)
		if a.pathVar != "" {
			err = fmt.Errorf("%w, or set %s", err, a.pathVar)
		}
		return a, err
	}
	return a, nil
}

// directory is where the session is to work. It is made if it is missing and
// that was allowed.
func (r *Runner) directory(in wire.SpawnRequest) (string, error) {
	dir := expandHome(strings.TrimSpace(in.Directory))
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("the directory %s is not a whole path: begin it with / or ~/", dir)
	}
	dir = filepath.Clean(dir)
	if !r.roots.contain(dir) {
		return "", errSpawnOutside
	}
	info, err := os.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		return "", fmt.Errorf("%s is a file, not a directory", dir)
	case err == nil:
		return dir, enterable(dir)
	case !errors.Is(err, fs.ErrNotExist):
		return "", directoryFailure(dir, err)
	}
	if link, err := os.Lstat(dir); err == nil && link.Mode()&fs.ModeSymlink != 0 {
		return "", fmt.Errorf("%s is a link to something that does not exist", dir)
	}
	if in.SessionType == "worktree" {
		return "", fmt.Errorf("%s does not exist: a worktree needs an existing repository", dir)
	}
	if in.ApprovedNewDirectory != nil && !*in.ApprovedNewDirectory {
		return "", needsApproval{dir}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", directoryFailure(dir, err)
	}
	return dir, nil
}

// enterable says whether a session could work in dir.
func enterable(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return directoryFailure(dir, err)
	}
	defer root.Close() //nolint:errcheck // it was only tried
	if _, err := root.Stat("."); err != nil {
		return directoryFailure(dir, err)
	}
	return nil
}

func directoryFailure(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the user that runs hapi may not use %s: permission denied", dir)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s cannot exist: a part of the path is a file", dir)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%s cannot be made: the disk is full", dir)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s cannot be made: the file system is read-only", dir)
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("%s cannot be used: %w", dir, err)
}

// launch starts the process and waits for its report.
func (r *Runner) launch(ctx context.Context, a agent, in wire.SpawnRequest, dir string, tree *worktree) (wire.SessionID, wire.SpawnFailure, error) {
	var failed wire.SpawnFailure
	cmd := exec.CommandContext(context.WithoutCancel(ctx), r.o.Executable, a.args(&in)...) // it outlives us
	cmd.Dir = dir
	cmd.Env = r.environment(dir, tree)
	cleanUp, err := r.agentToken(cmd, in)
	if err != nil {
		return "", failed, err
	}
	out, err := r.sessionOutput()
	if err != nil {
		cleanUp()
		return "", failed, err
	}
	defer out.Close() //nolint:errcheck // the child has its own
	// A file, not a pipe: nobody has to read it, and it survives us.
	cmd.Stdout, cmd.Stderr = out, out
	Detach(cmd)
	one, err := r.children.begin(func() (*child, error) {
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		who, err := identify(cmd.Process.Pid)
		if err != nil { // it has ended already
			who = identity{PID: cmd.Process.Pid, Created: time.Now().UnixMilli()}
		}
		return &child{
			identity: who, StartedBy: byRunner, Requested: in.ExistingSessionID, Directory: dir,
			doing: make(chan string, 8), reported: make(chan struct{}), exited: make(chan struct{}),
		}, nil
	})
	if err != nil {
		cleanUp()
		return "", failed, fmt.Errorf("the session process could not be started in %s: %w", dir, err)
	}
	go func() { // ends with the child, which may outlive us
		_ = cmd.Wait() // how it ended is in the state
		one.exit = cmd.ProcessState
		close(one.exited)
		cleanUp()
		r.children.remove(one)
		agentchild.SweepOrphans() // it may have been killed
	}()
	failed.PID = one.PID
	err = r.awaitReport(ctx, one)
	switch {
	case err == nil:
		id, _ := r.children.session(one)
		return id, failed, nil
	case errors.Is(err, errEnded):
		failed.ExitCode, failed.Signal = exitOf(one.exit)
		err = fmt.Errorf("%w (pid %d, %s)", err, one.PID, one.exit)
	default:
		r.end(context.WithoutCancel(ctx), one)
	}
	return "", failed, fmt.Errorf("%w%s", err, said(out.Name()))
}

// errEnded says that a process ended without having had a session.
var errEnded = errors.New("the session ended before it was ready")

// startsMost is how many times as long as it may be silent a process may take
// until it has its session.
const startsMost = 5

// awaitReport waits for a process to have its session: as long as it gets on, but
// not for ever.
func (r *Runner) awaitReport(ctx context.Context, one *child) error {
	silence, most := time.NewTimer(r.o.ReportWithin), time.NewTimer(startsMost*r.o.ReportWithin)
	defer silence.Stop()
	defer most.Stop()
	doing := "starting"
	for {
		select {
		case <-one.reported:
			return nil
		case <-one.exited:
			return errEnded
		case doing = <-one.doing:
			r.log.Info("a session is on its way", "pid", one.PID, "doing", doing)
			silence.Reset(r.o.ReportWithin)
		case <-silence.C:
			return fmt.Errorf("the session was not ready within %s while it was %s (pid %d), and was stopped", r.o.ReportWithin, doing, one.PID)
		case <-most.C:
			return fmt.Errorf("the session was not ready within %s, was still %s (pid %d), and was stopped", startsMost*r.o.ReportWithin, doing, one.PID)
		case <-ctx.Done():
			return errors.New("the runner was stopped while the session started")
		}
	}
}

// environment is the session process's.
func (r *Runner) environment(dir string, tree *worktree) []string {
	// Of our own beginning, where we were called and from which session is not
	// the child's.
	env := append(os.Environ(), "HAPI_HOME="+r.o.Home.Dir, "PWD="+dir, "HAPI_INVOKED_CWD=", "HAPI_SESSION_ID=", agentchild.Mark+"=")
	env = append(env, r.o.Env...)
	if tree != nil {
		env = append(env, tree.env()...)
	}
	return env
}

// agentToken gives the agent a credential that came with the request. Its file,
// if there is one, goes with the process.
func (r *Runner) agentToken(cmd *exec.Cmd, in wire.SpawnRequest) (cleanUp func(), err error) {
	cleanUp = func() {}
	switch {
	case in.Token == "":
	case in.Agent == wire.FlavorCodex:
		tmp := r.o.Home.Path("tmp")
		if err := os.MkdirAll(tmp, 0o700); err != nil {
			return cleanUp, fmt.Errorf("make a directory for the agent's credential: %w", err)
		}
		dir, err := os.MkdirTemp(tmp, "codex-")
		if err != nil {
			return cleanUp, fmt.Errorf("make a directory for the agent's credential: %w", err)
		}
		cleanUp = func() { _ = os.RemoveAll(dir) } // what stays is in a directory of the user's alone
		if err := home.WritePrivate(filepath.Join(dir, "auth.json"), []byte(in.Token)); err != nil {
			cleanUp()
			return func() {}, err
		}
		cmd.Env = append(cmd.Env, "CODEX_HOME="+dir)
	case in.Agent == wire.FlavorClaude:
		cmd.Env = append(cmd.Env, "CLAUDE_CODE_OAUTH_TOKEN="+in.Token)
	}
	return cleanUp, nil
}

// sessionOutput is the file that takes what a session process prints.
func (r *Runner) sessionOutput() (*os.File, error) {
	logs := r.o.Home.Path("logs")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		return nil, fmt.Errorf("the session's log was not made: %w", directoryFailure(logs, err))
	}
	f, err := os.CreateTemp(logs, time.Now().Format("2006-01-02-15-04-05")+"-session-*.out")
	if err != nil {
		return nil, fmt.Errorf("the session's log was not made: %w", directoryFailure(logs, err))
	}
	return f, nil
}

// saidMost is how much of a process's last words a person is shown.
const saidMost = 800

// said is the end of what a process printed, as part of a sentence.
func said(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	text := strings.TrimSpace(strings.TrimPrefix(oneLine(string(raw)), "Error: "))
	if text == "" {
		return ""
	}
	if len(text) > saidMost {
		text = text[len(text)-saidMost:]
		for !utf8.RuneStart(text[0]) {
			text = text[1:]
		}
		text = "…" + text
	}
	return ": " + text
}
