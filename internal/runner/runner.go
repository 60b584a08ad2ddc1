// Package runner is the daemon of a machine: it starts session processes when a
// person asks for one from anywhere, and ends them. It owns none of their work:
// they talk to the hub themselves, and go on when it dies.
package runner

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"hapi/internal/control"
	"hapi/internal/home"
	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

// Options of a runner.
type Options struct {
	Home    *home.Home
	Client  *home.Client // which hub, and who we are
	Version string
	// Machine is this machine's metadata, Roots where sessions may be started.
	Machine map[string]any
	Roots   []string
	// Executable is what is started for a session: this program. Env is added to
	// its environment.
	Executable string
	Env        []string
	// Offered says whether the program has an agent's command.
	Offered func(command string) bool
	// Supervised says that something starts the runner again when it ends.
	Supervised bool
	// KeepVersion says that it does not matter when the program is replaced.
	KeepVersion bool
	LogPath     string // where the runner's own log is
	Logger      *slog.Logger
	// Ready is told once sessions can be started on this machine.
	Ready func()

	// ReportWithin is how long a session process may be silent on its way to its
	// session (20 s). The whole may take five times as long; hubs wait 120 s.
	ReportWithin time.Duration
	Heartbeat    time.Duration // how often the runner looks after itself (60 s)
	// ReconnectMin and ReconnectMax replace the link's usual pauses.
	ReconnectMin, ReconnectMax time.Duration
	// Methods are further ones that the hub may call, by name: what is known of
	// agents without a session.
	Methods map[string]hubclient.Method
}

// Failures that end a runner.
var (
	// ErrRunning says that this machine has a runner already.
	ErrRunning = errors.New("a runner is running already on this machine")
	// ErrUpgraded says that the program was replaced by another version, which is
	// to run instead.
	ErrUpgraded = errors.New("hapi was upgraded")
)

// Shutdown is why a runner is told to end: the cause of its context.
type Shutdown struct{ Source string }

func (s Shutdown) Error() string { return "shutdown by " + s.Source }

// Runner is the daemon.
type Runner struct {
	o        Options
	log      *slog.Logger
	roots    roots
	children *children
	exe      executable

	stop context.CancelCauseFunc
	busy atomic.Int64 // sessions that are being started

	worktrees sync.Mutex // git cannot make two of a repository at a time

	mu       sync.Mutex
	spawning map[wire.SessionID]*pending
	link     *hubclient.MachineLink // nil until the machine is registered
	state    wire.RunnerState
	problem  string // why there is no connection
	stateSet chan struct{}
}

// Run runs the runner until ctx ends. Its cause may be a Shutdown.
func Run(ctx context.Context, o Options) error {
	lock, err := acquire(ctx, o.Home)
	if err != nil {
		return err
	}
	defer lock.Unlock() //nolint:errcheck // the system releases it too
	r, err := newRunner(o)
	if err != nil {
		return err
	}
	ctx, r.stop = context.WithCancelCause(ctx)
	defer r.stop(nil)
	return r.run(ctx)
}

func newRunner(o Options) (*Runner, error) {
	if o.ReportWithin <= 0 {
		o.ReportWithin = 20 * time.Second
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = time.Minute
	}
	if o.Ready == nil {
		o.Ready = func() {}
	}
	roots, err := newRoots(o.Roots)
	if err != nil {
		return nil, err
	}
	known, err := loadChildren(o.Home.Path(childrenFile), o.Logger)
	if err != nil {
		return nil, err
	}
	return &Runner{
		o: o, log: o.Logger, roots: roots, children: known, exe: lookAt(o.Executable), spawning: map[wire.SessionID]*pending{},
		stateSet: make(chan struct{}, 1),
	}, nil
}

// Times of the lock: an earlier runner may be on its way out.
const (
	lockTries = 15
	lockRetry = 200 * time.Millisecond
)

// acquire makes sure that there is one runner for a data directory. The system
// releases the lock when its holder dies, however it dies.
func acquire(ctx context.Context, h *home.Home) (*flock.Flock, error) {
	path := h.Path(control.LockFile)
	lock := flock.New(path, flock.SetPermissions(0o600))
	for range lockTries {
		held, err := lock.TryLock()
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if held {
			_ = os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o600) // for people who look
			return lock, nil
		}
		select {
		case <-time.After(lockRetry):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return nil, ErrRunning
}

func (r *Runner) run(ctx context.Context) error {
	pruneLogs(r.o.Home.Path("logs"), time.Now())
	if err := pruneWorktrees(r.o.Home, time.Now()); err != nil {
		r.log.Warn("removed worktrees are not forgotten", "err", err)
	}
	if err := keepRoots(r.o.Home, r.o.Roots); err != nil {
		return err
	}
	secret := rand.Text()
	// The channel outlives ctx by a moment, so that it can say that we stop.
	server, err := control.Listen(context.WithoutCancel(ctx), secret, r)
	if err != nil {
		return err
	}
	defer server.Close()
	disk := r.diskState(server.Port(), secret)
	if err := control.WriteState(r.o.Home.Dir, disk); err != nil {
		return err
	}
	defer r.removeState()
	r.state = wire.RunnerState{
		Status: wire.RunnerOffline, PID: os.Getpid(), HTTPPort: server.Port(), StartedAt: wire.Now(), Capabilities: capabilities(r.o.Offered, r.customAgents()),
	}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		<-ctx.Done()
		server.Close()
		return context.Cause(ctx)
	})
	work.Go(server.Serve)
	work.Go(func() error { return r.serveHub(ctx) })
	work.Go(func() error { return r.lookAfter(ctx, disk) })
	err = work.Wait()
	var wanted Shutdown
	if errors.As(err, &wanted) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// removeState takes the state file away, if it is still ours.
func (r *Runner) removeState() {
	if s, err := control.ReadState(r.o.Home.Dir); err == nil && s.PID == os.Getpid() {
		_ = os.Remove(r.o.Home.Path(control.StateFile)) // a reader finds that nobody answers
	}
}

func (r *Runner) diskState(port int, secret string) control.State {
	return control.State{
		PID: os.Getpid(), HTTPPort: port, StartTime: time.Now().Format(time.RFC3339), Version: r.o.Version, MtimeMs: r.exe.mtime,
		APIURL: r.o.Client.APIURL.Text, MachineID: wire.MachineID(r.o.Client.MachineID), TokenHash: HashOf(r.o.Client.Token.Text),
		HeadersHash: headersHash(r.o.Client.Headers), Argv: os.Args[1:], HandoffDisabled: handoffDisabled(), LogPath: r.o.LogPath,
		Secret: secret, Roots: r.o.Roots, Supervised: r.o.Supervised,
	}
}

// serveHub registers the machine and stays connected to the hub.
func (r *Runner) serveHub(ctx context.Context) error {
	client := hubclient.New(hubclient.Options{
		BaseURL: r.o.Client.APIURL.Text, Token: r.o.Client.Token.Text, Headers: r.o.Client.Headers, Logger: r.log,
	})
	machine, err := r.register(ctx, client)
	if err != nil {
		return err
	}
	link := client.MachineLink(machine, hubclient.MachineOptions{
		Methods: r.methods(), Connected: r.connected, Health: measure, ReconnectMin: r.o.ReconnectMin, ReconnectMax: r.o.ReconnectMax,
		Refused: r.setProblem,
	})
	r.mu.Lock()
	r.link = link
	r.mu.Unlock()
	linked, unlink := context.WithCancel(context.WithoutCancel(ctx)) // it outlives ctx to say goodbye
	var running errgroup.Group
	running.Go(func() error { _ = link.Run(linked); return nil }) // it ends with unlink
	running.Go(func() error { r.writeStates(ctx, link); return nil })
	<-ctx.Done()
	r.sayGoodbye(ctx, link)
	unlink()
	_ = running.Wait() // neither fails
	return context.Cause(ctx)
}

// methods are what the hub may ask of the machine.
func (r *Runner) methods() map[string]hubclient.Method {
	all := map[string]hubclient.Method{
		wire.MethodSpawnSession:          r.spawn,
		wire.MethodStopSession:           r.stopSession,
		wire.MethodStopRunner:            r.stopRunner,
		wire.MethodMachineDirectory:      r.listDirectory,
		wire.MethodPathExists:            r.pathsExist,
		wire.MethodCursorChatStoreStatus: r.cursorChatStore,
	}
	maps.Copy(all, r.o.Methods)
	return all
}

// stopRunner is stop-runner: the answer leaves first.
func (r *Runner) stopRunner(context.Context, json.RawMessage) (any, error) {
	r.stopSoon(wire.ShutdownByApp)
	return map[string]string{"message": "Runner stop request acknowledged"}, nil
}

// answerFirst is how long an answer has to leave before the runner ends.
const answerFirst = 100 * time.Millisecond

func (r *Runner) stopSoon(source string) {
	time.AfterFunc(answerFirst, func() { r.stop(Shutdown{source}) })
}

// Times of the registration.
const (
	registerRetry = time.Second
	registerMost  = 30 * time.Second
)

// register makes the machine known to the hub. It waits for a hub that is not
// there; one that refuses is an error.
func (r *Runner) register(ctx context.Context, client *hubclient.Client) (wire.Machine, error) {
	metadata, err := json.Marshal(r.metadata())
	if err != nil {
		return wire.Machine{}, fmt.Errorf("describe the machine: %w", err)
	}
	r.mu.Lock()
	state, err := json.Marshal(r.state)
	r.mu.Unlock()
	if err != nil {
		return wire.Machine{}, fmt.Errorf("describe the runner: %w", err)
	}
	in := wire.CreateMachine{ID: wire.MachineID(r.o.Client.MachineID), Metadata: metadata, RunnerState: state}
	for pause := registerRetry; ; pause = min(2*pause, registerMost) {
		machine, err := client.CreateMachine(ctx, in)
		var refused *hubclient.StatusError
		if err == nil || errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
			if err != nil {
				err = fmt.Errorf("register this machine: %w", err)
			}
			return machine, err
		}
		r.setProblem(err.Error())
		r.log.Warn("the hub cannot be reached; trying again", "after", pause, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return machine, context.Cause(ctx)
		}
	}
}

// metadata is the machine's, with what only runners say.
func (r *Runner) metadata() map[string]any {
	m := map[string]any{
		"capabilities": []string{wire.MethodCursorChatStoreStatus, wire.MethodStopRunner}, "supervisedRestart": r.o.Supervised,
	}
	for key, v := range r.o.Machine {
		m[key] = v
	}
	if r.exe.mtime > 0 {
		m["startedCliMtimeMs"], m["installedCliMtimeMs"] = r.exe.mtime, r.exe.mtime
	}
	if len(r.o.Roots) > 0 {
		m["workspaceRoots"] = r.o.Roots
	}
	return m
}
