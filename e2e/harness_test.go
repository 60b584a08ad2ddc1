//go:build e2e

// Package e2e runs whole journeys: the hapi binary as hub and as session
// process, the real Claude Code, and a model double on loopback.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hapi/internal/hub/apitest"
	"hapi/internal/modeltest"
	"hapi/internal/wire"
)

// hapi is the binary under test, built once.
var hapi string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hapi-e2e-")
	if err != nil {
		panic(err)
	}
	hapi = filepath.Join(dir, "hapi")
	build := exec.Command("go", "build", "-race", "-o", hapi, "../cmd/hapi")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build hapi:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// claudePath is the pinned Claude Code; the package for this platform holds the
// executable itself.
func claudePath(t *testing.T) string {
	t.Helper()
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	path, err := filepath.Abs(filepath.Join("node_modules/@anthropic-ai", "claude-code-"+runtime.GOOS+"-"+arch, "claude"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("claude is not installed, run `make e2e/node_modules`: %v", err)
	}
	return path
}

// world is one hub with its data, one project directory and one model.
type world struct {
	t       *testing.T
	home    string // HAPI_HOME
	project string
	user    string // the agent's home
	model   *modeltest.Server
	port    string
	claude  string
	http    *http.Client
	token   string // session token for the API

	hub     *process
	session *process
	id      wire.SessionID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	w := &world{
		t: t, home: t.TempDir(), project: realTempDir(t), user: t.TempDir(), model: modeltest.New(t), port: freePort(t),
		claude: claudePath(t), http: apitest.Client(t),
	}
	t.Cleanup(w.explain)
	t.Cleanup(w.nothingLeft)
	w.startHub()
	t.Cleanup(w.explainConversation)
	return w
}

// explain shows what a failed test cannot.
func (w *world) explain() {
	if !w.t.Failed() {
		return
	}
	for _, r := range w.model.Requests() {
		w.t.Logf("the model was asked: %.200q", r.Last())
	}
	logs, _ := filepath.Glob(filepath.Join(w.home, "logs", "*.log"))
	for _, path := range logs {
		raw, _ := os.ReadFile(path)
		w.t.Logf("%s:\n%s", filepath.Base(path), raw)
	}
}

// transcripts are the files in which Claude keeps its conversations.
func (w *world) transcripts() []string {
	list, _ := filepath.Glob(filepath.Join(w.user, ".claude", "projects", "*", "*.jsonl")) // the pattern is well-formed
	return list
}

// explainConversation does it while the hub is still there.
func (w *world) explainConversation() {
	if !w.t.Failed() || w.id == "" {
		return
	}
	if status, raw, err := w.tryCall(http.MethodGet, w.path("/messages?limit=100"), nil); err == nil && status == http.StatusOK {
		w.t.Logf("the newest messages:\n%s", raw)
	}
}

func realTempDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// process is a running hapi.
type process struct {
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
}

// output collects what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func (w *world) run(dir string, env []string, args ...string) *process {
	w.t.Helper()
	return w.runIn(nil, dir, env, args...)
}

// runIn runs hapi in a terminal, or in none.
func (w *world) runIn(v *terminal, dir string, env []string, args ...string) *process {
	w.t.Helper()
	cmd := exec.Command(hapi, args...)
	p := &process{cmd: cmd, out: &output{}, done: make(chan struct{})}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, p.out, p.out
	if v != nil {
		v.attach(cmd)
	}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	w.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Signal(syscall.SIGQUIT) // it prints what it waits for
			select {
			case <-p.done:
			case <-time.After(5 * time.Second):
				p.kill()
			}
			w.t.Errorf("hapi %q did not end when asked", args)
		}
		if out := p.out.String(); strings.Contains(out, "panic") || strings.Contains(out, "DATA RACE") {
			w.t.Errorf("hapi %q printed:\n%s", args, out)
		} else if w.t.Failed() {
			w.t.Logf("hapi %q printed:\n%s", args, out)
		}
	})
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (w *world) env(extra ...string) []string {
	return append(append(w.model.Env(w.t, w.user, w.project), "HAPI_HOME="+w.home, "HAPI_LISTEN_PORT="+w.port, "HAPI_API_URL="+w.url(""), "HAPI_RUNNER_AUTOSTART=0"), extra...)
}

func (w *world) url(path string) string { return "http://127.0.0.1:" + w.port + path }

func (w *world) startHub() {
	w.t.Helper()
	w.startHubWith()
}

func (w *world) startHubWith(env ...string) {
	w.t.Helper()
	w.hub = w.run(w.home, w.env(env...), "hub")
	w.wait("the hub", func() bool {
		res, err := http.Get(w.url("/health"))
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	w.token = w.signIn()
	w.wait("the hub to answer", func() bool {
		status, _, err := w.tryCall(http.MethodGet, "/api/sessions", nil)
		return err == nil && status == http.StatusOK
	})
}

func (w *world) signIn() string {
	w.t.Helper()
	var grant struct {
		Token string `json:"token"`
	}
	w.post("/api/auth", map[string]string{"accessToken": w.accessToken()}, &grant)
	return grant.Token
}

// accessToken is the hub's own.
func (w *world) accessToken() string {
	w.t.Helper()
	raw, err := os.ReadFile(filepath.Join(w.home, "settings.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	var settings struct {
		Token string `json:"cliApiToken"`
	}
	if err := json.Unmarshal(raw, &settings); err != nil {
		w.t.Fatal(err)
	}
	return settings.Token
}

// startSession starts `hapi` in the project and waits until the hub knows it.
func (w *world) startSession(args ...string) {
	w.t.Helper()
	w.startSessionIn(w.env("HAPI_CLAUDE_PATH="+w.claude), args...)
}

func (w *world) startSessionIn(env []string, args ...string) {
	w.t.Helper()
	w.start(nil, env, args...)
}

// startAt starts `hapi` in a terminal.
func (w *world) startAt(v *terminal, args ...string) {
	w.t.Helper()
	w.start(v, w.env("HAPI_CLAUDE_PATH="+w.claude, "TERM=xterm-256color"), args...)
}

func (w *world) start(v *terminal, env []string, args ...string) {
	w.t.Helper()
	known := map[wire.SessionID]bool{}
	for _, s := range w.sessions() {
		known[s.ID] = true
	}
	w.session = w.runIn(v, w.project, env, args...)
	w.appears(known)
}

// appears waits for an active session that was not known, or was w's before.
func (w *world) appears(known map[wire.SessionID]bool) {
	w.t.Helper()
	w.wait("the session", func() bool {
		for _, s := range w.sessions() {
			if s.Active && (!known[s.ID] || s.ID == w.id) {
				w.id = s.ID
				return true
			}
		}
		return false
	})
}

func (w *world) sessions() []wire.SessionSummary {
	w.t.Helper()
	var list struct {
		Sessions []wire.SessionSummary `json:"sessions"`
	}
	w.get("/api/sessions", &list)
	return list.Sessions
}

func (w *world) detail() wire.Session {
	w.t.Helper()
	var out struct {
		Session wire.Session `json:"session"`
	}
	w.get("/api/sessions/"+string(w.id), &out)
	return out.Session
}

// call makes a request and gives the answer's status and body.
func (w *world) call(method, path string, body any) (int, []byte) {
	w.t.Helper()
	status, raw, err := w.tryCall(method, path, body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return status, raw
}

func (w *world) tryCall(method, path string, body any) (int, []byte, error) {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(w.t.Context()), method, w.url(path), reader) // also at the end
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	res, err := w.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return res.StatusCode, raw, err
}

func (w *world) get(path string, out any) {
	w.t.Helper()
	w.decode(http.MethodGet, path, nil, out)
}

func (w *world) post(path string, body, out any) {
	w.t.Helper()
	w.decode(http.MethodPost, path, body, out)
}

func (w *world) decode(method, path string, body, out any) {
	w.t.Helper()
	status, raw := w.call(method, path, body)
	if status != http.StatusOK {
		w.t.Fatalf("%s %s: %d %s", method, path, status, raw)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(raw, out); err != nil {
		w.t.Fatalf("%s %s: %v in %s", method, path, err, raw)
	}
}

func (w *world) path(rest string) string { return "/api/sessions/" + string(w.id) + rest }

// send posts a message.
func (w *world) send(text, localID string) {
	w.t.Helper()
	w.post(w.path("/messages"), map[string]string{"text": text, "localId": localID}, nil)
}

// messages are all messages of the session, oldest first.
func (w *world) messages() []wire.Message {
	w.t.Helper()
	var all []wire.Message
	query := url.Values{"limit": {"200"}}
	for {
		var page wire.Page
		w.get(w.path("/messages?"+query.Encode()), &page)
		all = append(all, page.Messages...) // newest first
		if !page.HasMore {
			slices.Reverse(all)
			return all
		}
		lowest := int64(1 << 62)
		for _, m := range page.Messages {
			if m.Seq != nil {
				lowest = min(lowest, *m.Seq)
			}
		}
		query.Set("beforeSeq", fmt.Sprint(lowest))
	}
}

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// wait waits until a condition holds.
func (w *world) wait(what string, holds func() bool) {
	w.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			if w.id != "" {
				what += "; the conversation:\n" + w.conversation()
			}
			w.t.Fatalf("waiting for %s", what)
		}
	}
}

// conversation is all that was said, in words, oldest first.
func (w *world) conversation() string {
	w.t.Helper()
	var b strings.Builder
	for _, m := range w.messages() {
		b.Write(m.Content)
		b.WriteByte('\n')
	}
	return b.String()
}

// waitSaid waits until the conversation has a text.
func (w *world) waitSaid(text string) {
	w.t.Helper()
	w.wait(fmt.Sprintf("%q in the conversation", text), func() bool { return strings.Contains(w.conversation(), text) })
}

// saidLately says whether the newest messages have a text. A conversation that
// is long is not read whole for each look.
func (w *world) saidLately(text string) bool {
	w.t.Helper()
	var page wire.Page
	w.get(w.path("/messages?limit=20"), &page)
	return slices.ContainsFunc(page.Messages, func(m wire.Message) bool { return strings.Contains(string(m.Content), text) })
}

func (w *world) waitIdle() {
	w.t.Helper()
	w.wait("the end of the turn", func() bool { return !w.detail().Thinking })
}

// request waits for a request of a tool that waits for a person.
func (w *world) request(tool string) wire.RequestID {
	w.t.Helper()
	var found wire.RequestID
	w.wait("a request of "+tool, func() bool {
		for id, r := range w.state().Requests {
			if r.Tool == tool {
				found = id
				return true
			}
		}
		return false
	})
	return found
}

func (w *world) state() wire.AgentState {
	w.t.Helper()
	var state wire.AgentState
	if raw := w.detail().AgentState; len(raw) > 0 {
		if err := json.Unmarshal(raw, &state); err != nil {
			w.t.Fatal(err)
		}
	}
	return state
}

func (w *world) approve(id wire.RequestID, body any) {
	w.t.Helper()
	w.post(w.path("/permissions/"+string(id)+"/approve"), body, nil)
}

func (w *world) exists(name string) bool {
	_, err := os.Stat(filepath.Join(w.project, name))
	return err == nil
}

// watcher follows the event stream, through cuts, as a client does.
type watcher struct {
	w    *world
	mu   sync.Mutex
	last string
	seen []json.RawMessage
	gaps int
}

func (w *world) watch() *watcher {
	v := &watcher{w: w}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			_ = v.follow(ctx)
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		<-ended
	})
	return v
}

var errStream = errors.New("the stream is not there")

func (v *watcher) follow(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.w.url("/api/events?all=true&token="+v.w.token), nil)
	if err != nil {
		return err
	}
	v.mu.Lock()
	if v.last != "" {
		req.Header.Set("Last-Event-ID", v.last)
	}
	first := v.last == ""
	v.mu.Unlock()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errStream
	}
	lines := bufio.NewReader(res.Body)
	for {
		l, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		v.line(strings.TrimRight(l, "\n"), first)
	}
}

func (v *watcher) line(l string, first bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if id, ok := strings.CutPrefix(l, "id: "); ok {
		v.last = id
	}
	if data, ok := strings.CutPrefix(l, "data: "); ok {
		if strings.Contains(data, `"resume":"gap"`) && !first {
			v.gaps++
		}
		v.seen = append(v.seen, json.RawMessage(data))
	}
}

// said are the ids of the messages the watcher has been told of.
func (v *watcher) said() map[wire.MessageID]bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	ids := map[wire.MessageID]bool{}
	for _, raw := range v.seen {
		var e struct {
			Type    string `json:"type"`
			Message struct {
				ID wire.MessageID `json:"id"`
			} `json:"message"`
		}
		if json.Unmarshal(raw, &e) == nil && e.Type == wire.MessageReceived {
			ids[e.Message.ID] = true
		}
	}
	return ids
}
