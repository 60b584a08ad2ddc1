package codex

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"hapi/internal/agent"
	"hapi/internal/agent/child"
	"hapi/internal/agent/hook"
	"hapi/internal/wire"
)

// scanEvery is the pace at which the rollout is looked at. Hooks make it be
// looked at once more.
const scanEvery = 500 * time.Millisecond

// oldestLocal is the first Codex that takes hooks on its command line.
var oldestLocal = version{0, 145, 0}

// Local implements agent.Agent.
func (a *Agent) Local(ctx context.Context, h agent.Host, o agent.Options) error {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	codex, err := find(ctx, o.Path)
	if err != nil {
		return notInstalled()
	}
	if v := versionOf(ctx, codex); v.before(oldestLocal) {
		return &agent.Failure{Kind: agent.BadArguments, Text: fmt.Sprintf("Codex at the terminal is followed by its hooks, which need version %d.%d.%d or newer: update it (npm install -g @openai/codex).", oldestLocal[0], oldestLocal[1], oldestLocal[2])}
	}
	t := &terminal{host: h, log: o.Logger, thread: o.Resume, wake: make(chan struct{}, 1)}
	t.rollout = newRollout(h, o.Resume, o.Config)
	t.locator = newLocator(codexHome(o.Env), workDir(o.Dir, o.Args), time.Now())
	if path := rolloutOf(o.Env, o.Resume); o.Resume != "" && !o.Fork && path != "" {
		t.rollout.follow(path, true)
		if !o.Untold {
			t.rollout.skip()
		}
	}
	hooks, err := hook.Serve(ctx, t.hook)
	if err != nil {
		return err
	}
	defer hooks.Close()
	following, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		t.follow(following)
	}()
	env := o.Env
	if env == nil {
		env = os.Environ()
	}
	err = child.Foreground{
		Path: codex.path, Args: codex.with(localArguments(a.self, o)...), Dir: o.Dir, Terminal: o.Terminal,
		Env: append(env[:len(env):len(env)], hook.PortVariable+"="+hooks.Port, hook.TokenVariable+"="+hooks.Token),
	}.Run(ctx)
	stop(reasonEnded)
	<-followed
	t.asking.Wait()
	child.SweepMarked(markOf(o.Env))
	hooks.Close() // what is told later is told to nobody
	t.finish()
	var exit *child.Exit
	switch {
	case errors.As(err, &exit) && exit.Hangup():
		return nil
	case errors.As(err, &exit):
		return &agent.Failure{Kind: agent.Crashed, Text: exit.Error()}
	case err != nil && ctx.Err() == nil:
		return &agent.Failure{Kind: agent.Crashed, Text: fmt.Sprintf("Codex could not be started: %v", err)}
	}
	return err
}

// observed are the events that Codex tells us of. None of our hooks decides
// anything: they print nothing, and Codex asks its person as always.
var observed = []struct{ name, event string }{
	{"SessionStart", "session_start"}, {"UserPromptSubmit", "user_prompt_submit"}, {"Stop", "stop"},
}

// localArguments are Codex's at the terminal: the person's, what was chosen
// since, and our hooks.
func localArguments(self string, o agent.Options) []string {
	var args []string
	switch {
	case o.Resume != "" && o.Fork:
		args = append(args, "fork", o.Resume)
	case o.Resume != "":
		args = append(args, "resume", o.Resume)
	}
	if o.Config.Effort != "" {
		args = append(args, "-c", "model_reasoning_effort="+toml(o.Config.Effort))
	}
	command := hook.Quote(self) + " hook-forwarder --flavor codex --from-env"
	for _, o := range observed {
		args = append(args, "-c", fmt.Sprintf("hooks.%s=[{ hooks = [{ type = \"command\", command = %s }] }]", o.name, toml(command)))
	}
	args = append(args, "-c", "hooks.state="+trust(command))
	args = append(args, toolArguments(&o)...)
	strip := map[string]bool{"--model": true, "-m": true} // with whether a value follows
	if mode := o.Config.PermissionMode; mode != "" && mode != wire.ModeDefault {
		for name, value := range map[string]bool{"-s": true, "--sandbox": true, "-a": true, "--ask-for-approval": true, "--full-auto": false, "--yolo": false, "--dangerously-bypass-approvals-and-sandbox": false} {
			strip[name] = value
		}
		approval, sandbox := "never", policyOf(mode, overrides{}).sandbox
		if mode == wire.ModeSafeYolo {
			approval = "on-request"
		}
		args = append(args, "--ask-for-approval", approval, "--sandbox", sandbox)
	}
	if o.Config.Model != "" {
		args = append(args, "--model", o.Config.Model)
	}
	own := o.Args
	if o.Resume != "" {
		own = withoutResume(own)
	}
	return append(args, without(own, strip)...)
}

// withoutResume leaves out which conversation the person named: it is known.
func withoutResume(args []string) []string {
	at := slices.IndexFunc(args, func(a string) bool { return a == "resume" || a == "fork" })
	if at < 0 {
		return args
	}
	kept := slices.Clone(args[:at])
	rest := args[at+1:]
	if len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		rest = rest[1:]
	}
	for _, a := range rest {
		if a != "--last" && a != "--all" {
			kept = append(kept, a)
		}
	}
	return kept
}

// without leaves out of a person's arguments those that are ours to set.
func without(args []string, strip map[string]bool) []string {
	var kept []string
	for i := 0; i < len(args); i++ {
		name, _, inOne := strings.Cut(args[i], "=")
		takesValue, ours := strip[name]
		if !ours {
			kept = append(kept, args[i])
			continue
		}
		if takesValue && !inOne {
			i++
		}
	}
	return kept
}

// toml is a text as a basic string of TOML, which escapes as JSON does.
func toml(text string) string {
	raw, err := json.Marshal(text)
	if err != nil { // strings always marshal
		panic(err)
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(raw))
}

// trust makes Codex run our hooks unasked: it wants to know each by its hash.
func trust(command string) string {
	source := "/<session-flags>/config.toml"
	if runtime.GOOS == "windows" {
		source = `C:\<session-flags>\config.toml`
	}
	var entries []string
	for _, o := range observed {
		entries = append(entries, fmt.Sprintf("%s = { trusted_hash = %s }", toml(source+":"+o.event+":0:0"), toml("sha256:"+trustedHash(o.event, command))))
	}
	return "{ " + strings.Join(entries, ", ") + " }"
}

// trustedHash is Codex's own: of the hook as JSON without spaces, its keys sorted.
func trustedHash(event, command string) string {
	const form = `{"event_name":%s,"hooks":[{"async":false,"command":%s,"timeout":600,"type":"command"}]}`
	sum := sha256.Sum256(fmt.Appendf(nil, form, toml(event), toml(command)))
	return hex.EncodeToString(sum[:])
}

// terminal is Codex at the terminal, as it is seen from outside.
type terminal struct {
	host agent.Host
	log  *slog.Logger
	wake chan struct{} // look at the rollout now

	mu      sync.Mutex // one looks at a time
	thread  string     // the conversation's id; empty: not known yet
	bound   bool       // a hook said which one it is
	rollout *rollout
	failed  error // why people know that nothing is shown; nil: all is

	locator  *locator
	question context.CancelCauseFunc // withdraws what is asked about the conversation; nil: nothing is
	offered  []candidate             // in it
	refused  bool                    // a person took none: from then on each is asked for
	asking   sync.WaitGroup
}

// hook takes an event of Codex's.
func (t *terminal) hook(e hook.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Name == "SessionStart" {
		t.follows(&e)
	}
	if !t.bound || e.SessionID != t.thread { // a sub-agent's
		return
	}
	switch e.Name {
	case "UserPromptSubmit":
		t.host.Working(true)
	case "Stop":
		t.scan(false) // what was said comes before its end
		if !t.rollout.exists() {
			t.report(fmt.Errorf("Codex keeps no file of this conversation at %q", t.rollout.path))
		}
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// follows takes over which conversation Codex is in. The first one counts; later
// ones are sub-agents', unless the person began anew. The caller holds mu.
func (t *terminal) follows(e *hook.Event) {
	if t.bound && (e.SessionID == t.thread || e.Source != "clear") {
		return
	}
	if t.bound {
		t.scan(true)
	}
	if t.question != nil {
		t.question(errHookSaid)
		t.question = nil
	}
	t.thread, t.bound = e.SessionID, true
	t.rollout.thread = e.SessionID
	if e.Transcript != "" {
		t.rollout.follow(e.Transcript, e.Source == "resume")
	}
	t.host.Resumable(e.SessionID)
}

// follow reads the rollout until ctx ends.
func (t *terminal) follow(ctx context.Context) {
	tick := time.NewTicker(scanEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-t.wake:
		case <-ctx.Done():
			return
		}
		t.mu.Lock()
		t.scan(false)
		t.locate(ctx)
		t.mu.Unlock()
	}
}

// scan tells what was added to the rollout. The caller holds mu.
func (t *terminal) scan(atEnd bool) {
	if t.rollout.path == "" {
		return
	}
	err := t.rollout.read(atEnd)
	if err != nil || t.rollout.exists() {
		t.report(err)
	}
}

// report tells people when what is said at the terminal stops being shown, and
// when it is again. The caller holds mu.
func (t *terminal) report(err error) {
	text := "What is said at the terminal is shown here again, with what was missed."
	switch {
	case (err == nil) == (t.failed == nil):
		return
	case err != nil:
		t.log.Warn("what is said at codex's terminal is not followed", "err", err)
		text = fmt.Sprintf("What is said at the terminal cannot be shown here: %v. Codex keeps running.", err)
	}
	t.failed = err
	t.host.Emit(agent.Event(map[string]any{"type": "message", "message": text}))
}

// finish reads what Codex wrote last. A conversation in which nothing was said
// has no rollout, and cannot be resumed.
func (t *terminal) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.scan(true)
	t.rollout.end()
	if t.bound && !t.rollout.exists() {
		t.host.Resumable("")
	}
}
