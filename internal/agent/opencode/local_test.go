package opencode

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// TestMain lets the test's own program be OpenCode.
func TestMain(m *testing.M) {
	if os.Getenv("FAKE_OPENCODE") != "" {
		os.Exit(fake())
	}
	os.Exit(m.Run())
}

// fake is an OpenCode that says what was recorded. The variable says how it ends:
// well, dead (without having told all), late (it must be ended), cut (the stream
// breaks, and goes on without what was said meanwhile), quiet (all of it was said
// before), or taken (at first somebody else has its port).
func fake() int {
	ends, args := os.Getenv("FAKE_OPENCODE"), os.Args[1:]
	log, err := os.OpenFile(os.Getenv("FAKE_LOG"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 3
	}
	line, _ := json.Marshal(args)
	_, _ = log.Write(append(line, '\n'))
	if args[0] == "export" {
		raw, _ := os.ReadFile("testdata/first.export.json")
		_, _ = os.Stdout.Write(raw)
		return 0
	}
	listener, err := net.Listen("tcp", args[1]+":"+args[3])
	if err != nil {
		return 4
	}
	password := os.Getenv("OPENCODE_SERVER_PASSWORD")
	if earlier, _ := os.ReadFile(os.Getenv("FAKE_LOG")); ends == "taken" && strings.Count(string(earlier), "\n") == 1 {
		password = "another's"
	}
	told := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/session/status", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	mux.HandleFunc("/session/{id}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":"`+firstSession+`","title":"A fine title"}`)
	})
	var streams atomic.Int32
	mux.HandleFunc("/session/{id}/message", func(w http.ResponseWriter, _ *http.Request) {
		if ends != "quiet" && streams.Load() < 2 {
			_, _ = io.WriteString(w, "[]")
			return
		}
		var out struct {
			Messages json.RawMessage `json:"messages"`
		}
		raw, _ := os.ReadFile("testdata/first.export.json")
		_ = json.Unmarshal(raw, &out)
		_, _ = w.Write(out.Messages)
	})
	mux.HandleFunc("/global/event", func(w http.ResponseWriter, r *http.Request) {
		raw, _ := os.ReadFile("testdata/first.jsonl")
		lines := slices.Collect(strings.Lines(string(raw)))
		again := streams.Add(1) > 1
		switch {
		case ends == "quiet", ends == "cut" && again:
			lines = []string{lines[0], lines[len(lines)-1]}
		case again: // nothing happens any more
			<-r.Context().Done()
			return
		case ends == "cut", ends == "dead":
			lines = lines[:slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "DOWRITE") })]
		}
		for _, line := range lines {
			_, _ = io.WriteString(w, "data: "+line+"\n")
		}
		_ = http.NewResponseController(w).Flush()
		switch {
		case ends == "cut" && !again:
			return
		case ends != "dead" && ends != "late": // as it ends it waits for its listeners
			<-r.Context().Done()
		}
		close(told)
	})
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:errcheck,gosec // until it ends
		if _, given, _ := r.BasicAuth(); given != password {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	<-told
	switch ends {
	case "dead":
		return 7
	case "late":
		time.Sleep(time.Hour)
	}
	return 0
}

// local runs the fake at a terminal that nobody sits at.
func local(t *testing.T, ctx context.Context, h agent.Host, ends string, o agent.Options) (started [][]string, err error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	log := filepath.Join(t.TempDir(), "log")
	o.Path, o.Scratch, o.Terminal = exe, filepath.Join(t.TempDir(), "scratch"), [3]*os.File{null, null, null}
	o.Dir, err = os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	o.Env = append(os.Environ(), "FAKE_OPENCODE="+ends, "FAKE_LOG="+log)
	err = New().Local(ctx, h, o)
	raw, _ := os.ReadFile(log)
	for line := range strings.Lines(string(raw)) {
		var args []string
		if err := json.Unmarshal([]byte(line), &args); err != nil {
			t.Fatal(err)
		}
		started = append(started, args)
	}
	if left, _ := os.ReadDir(o.Scratch); len(left) > 0 {
		t.Errorf("%s is left behind", left[0].Name())
	}
	return started, err
}

// history makes the recording, which is of an earlier day, be told.
var history = agent.Options{Resume: firstSession, Untold: true}

func said(h *hub) string { return strings.Join(h.all(), "\n") }

func TestWhatIsSaidAtTheTerminalIsTold(t *testing.T) {
	t.Parallel()
	h := &hub{}
	started, err := local(t, t.Context(), h, "well", history)
	if err != nil {
		t.Error(err)
	}
	if len(started) != 1 || !slices.Equal(started[0][4:], []string{"--session", firstSession}) {
		t.Errorf("started was %q", started)
	}
	if got := said(h); !strings.Contains(got, "person: Hello there\n") || !strings.HasSuffix(got, "message: Aborted by user") {
		t.Errorf("told is\n%s", got)
	}
}

func TestWhatOpencodeDidNotLiveToTellIsReadBack(t *testing.T) {
	t.Parallel()
	h := &hub{}
	started, err := local(t, t.Context(), h, "dead", history)
	if failed := (*agent.Failure)(nil); !errors.As(err, &failed) || failed.Kind != agent.Crashed {
		t.Errorf("it ended with %v", err)
	}
	if len(started) != 2 || !slices.Equal(started[1], []string{"export", firstSession}) {
		t.Errorf("started was %q", started)
	}
	whole := &hub{}
	if _, err := local(t, t.Context(), whole, "well", history); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(whole.keys, h.keys); diff != "" {
		t.Errorf("the conversation differs (-whole +read back):\n%s", diff)
	}
}

func TestWhatWasSaidWhileNobodyListenedIsReadBack(t *testing.T) {
	t.Parallel()
	whole := &hub{}
	if _, err := local(t, t.Context(), whole, "well", history); err != nil {
		t.Error(err)
	}
	for _, how := range []string{"cut", "quiet"} {
		h := &hub{}
		started, err := local(t, t.Context(), h, how, history)
		if err != nil || len(started) != 1 {
			t.Errorf("%s: started was %q, it ended with %v", how, started, err)
		}
		if diff := cmp.Diff(whole.keys, h.keys); diff != "" {
			t.Errorf("%s: the conversation differs (-whole +read back):\n%s", how, diff)
		}
		if got := said(h); strings.LastIndex(got, "working true") > strings.LastIndex(got, "working false") || !strings.Contains(got, "title A fine title") {
			t.Errorf("%s: told is\n%s", how, got)
		}
	}
}

func TestATakenPortIsLeftToWhoHasIt(t *testing.T) {
	t.Parallel()
	h := &hub{}
	started, err := local(t, t.Context(), h, "taken", history)
	if err != nil {
		t.Error(err)
	}
	if len(started) < 2 || started[0][3] == started[1][3] {
		t.Errorf("started was %q, want once more with another port", started)
	}
	if got := said(h); strings.Count(got, "person: Hello there") != 1 {
		t.Errorf("told is\n%s", got)
	}
}

func TestATakeOverEndsOpencodeAndTellsWhy(t *testing.T) {
	t.Parallel()
	h := &hub{}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	why := errors.New("taken over")
	go func() {
		for !strings.Contains(said(h), "Aborted by user") && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel(why)
	}()
	if _, err := local(t, ctx, &closing{h}, "late", history); !errors.Is(err, why) {
		t.Errorf("it ended with %v", err)
	}
}

// closing is a hub that hears of the end of the conversation before it has ended.
type closing struct{ *hub }

func (c *closing) Working(yes bool) {
	c.hub.Working(yes)
	if strings.Contains(said(c.hub), "DOSLOW") && !yes {
		c.add("Aborted by user")
	}
}

func TestTheCommandLineAtTheTerminal(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		o     agent.Options
		later bool
		want  string
	}{
		"new":         {agent.Options{Args: []string{"--agent", "review", "--prompt", "Begin here", "--pure"}}, false, "--agent review --prompt Begin here --pure"},
		"once more":   {agent.Options{Args: []string{"--agent", "review", "--prompt", "Begin here", "--pure"}, Resume: "ses_1"}, true, "--session ses_1 --pure"},
		"a copy":      {agent.Options{Resume: "ses_1", Fork: true}, false, "--session ses_1 --fork"},
		"a model":     {agent.Options{Config: agent.Config{Model: "double/other"}}, false, "--model double/other"},
		"plan":        {agent.Options{Config: agent.Config{PermissionMode: wire.ModePlan}}, false, "--agent plan"},
		"own agent":   {agent.Options{Args: []string{"--agent", "mine"}, Config: agent.Config{PermissionMode: wire.ModePlan}}, false, "--agent mine"},
		"own, before": {agent.Options{Args: []string{"--agent", "mine"}, Config: agent.Config{PermissionMode: wire.ModePlan}}, true, "--agent plan"},
		"yolo":        {agent.Options{Config: agent.Config{PermissionMode: wire.ModeYolo}}, false, "--auto"},
	} {
		if got := strings.Join(arguments(tt.o, !tt.later), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestTheSessionsToolsAreBesideThePersonsOwn(t *testing.T) {
	t.Parallel()
	o := agent.Options{Tools: &agent.ToolServer{URL: "http://127.0.0.1:1/", Token: "secret"}}
	const ours = `{"enabled":true,"headers":{"Authorization":"Bearer {env:HAPI_HTTP_MCP_TOKEN}"},"oauth":false,"type":"remote","url":"http://127.0.0.1:1/"}`
	for own, want := range map[string]string{
		"":                             `{"mcp":{"hapi":` + ours + `}}`,
		`{"model":"a/b","mcp":null}`:   `{"mcp":{"hapi":` + ours + `},"model":"a/b"}`,
		`{"mcp":{"own":{"type":"x"}}}`: `{"mcp":{"hapi":` + ours + `,"own":{"type":"x"}}}`,
		`null`:                         `{"mcp":{"hapi":` + ours + `}}`,
	} {
		o.Env = []string{"A=b", configVariable + "=" + own}
		env, err := environment(o)
		if err != nil || lookup(env, configVariable) != want || lookup(env, agent.ToolsTokenVariable) != "secret" || lookup(env, "A") != "b" {
			t.Errorf("%q: %q, %v, want %s", own, env, err, want)
		}
	}
	for _, odd := range []string{`{"model": /* mine */ "a/b"}`, `[]`, `{"mcp":7}`} {
		o.Env = []string{configVariable + "=" + odd}
		if env, err := environment(o); err == nil || lookup(env, configVariable) != odd {
			t.Errorf("%q: %q, %v; it is the person's", odd, env, err)
		}
	}
}
