package hub_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"hapi/api"
	"hapi/internal/hub"
	"hapi/internal/hubclient"
	"hapi/internal/socketio"
	"hapi/internal/wire"
)

// fuzzed is a hub with a session whose process answers nothing useful.
type fuzzed struct {
	hub     *hub.Hub
	url     string
	jwt     string
	session wire.SessionID
	faults  chan string // logged as errors
}

func newFuzzed(f *testing.F) *fuzzed {
	f.Helper()
	z := &fuzzed{faults: make(chan string, 1000)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	z.url = "http://" + listener.Addr().String()
	z.hub, err = hub.Open(f.Context(), config(f.TempDir()), hub.Options{Logger: slog.New(faultHandler{slog.DiscardHandler, z.faults})})
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- z.hub.Serve(ctx, listener, func() { close(ready) }) }()
	f.Cleanup(func() {
		cancel()
		<-ended
	})
	<-ready
	var grant struct {
		Token string `json:"token"`
	}
	if _, raw, err := z.call(http.MethodPost, "/api/auth", []byte(`{"accessToken":"`+baseToken+`"}`)); err != nil || json.Unmarshal(raw, &grant) != nil {
		f.Fatalf("%v: %s", err, raw)
	}
	z.jwt = grant.Token
	c := hubclient.New(hubclient.Options{BaseURL: z.url, Token: baseToken})
	row, err := c.CreateSession(f.Context(), wire.CreateSession{Tag: "fuzzed", Metadata: json.RawMessage(`{"path":"/work","host":"test","flavor":"claude"}`), AgentState: json.RawMessage(`{}`)})
	if err != nil {
		f.Fatal(err)
	}
	z.session = row.ID
	return z
}

// connect keeps a process of the session connected, so that routes get as far
// as asking it.
func (z *fuzzed) connect(f *testing.F) {
	f.Helper()
	c := hubclient.New(hubclient.Options{BaseURL: z.url, Token: baseToken})
	row, err := c.Session(f.Context(), z.session)
	if err != nil {
		f.Fatal(err)
	}
	methods := map[string]hubclient.Method{}
	for _, name := range []string{
		wire.MethodPermission, wire.MethodAbort, wire.MethodSwitch, wire.MethodSetSessionConfig, wire.MethodHandoffLocal, wire.MethodUploadFile, wire.MethodDeleteUpload,
		wire.MethodSteerQueued, wire.MethodReadFile, wire.MethodListDirectory, wire.MethodStatFiles, wire.MethodRipgrep, wire.MethodGitStatus, wire.MethodGitDiffNumstat,
		wire.MethodGitDiffFile, wire.MethodListSlashCommands, wire.MethodListSkills, wire.MethodReadGeneratedImage, wire.MethodFork, wire.MethodRewind,
		wire.MethodListCodexModels, wire.MethodListCursorModels, wire.MethodListAgyModels, wire.MethodListPiModels, wire.MethodListCopilotModels,
		wire.MethodListOpencodeModels, wire.MethodListGrokModels, wire.MethodListOpencodeEfforts, wire.MethodListGrokEfforts,
	} {
		methods[name] = func(_ context.Context, params json.RawMessage) (any, error) { return params, nil }
	}
	connected := make(chan struct{}, 1)
	link := c.Link(row, hubclient.LinkOptions{Methods: methods, Connected: func() {
		select {
		case connected <- struct{}{}:
		default:
		}
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- link.Run(ctx) }()
	f.Cleanup(func() {
		cancel()
		<-ended
	})
	<-connected
	if err := link.Flush(f.Context()); err != nil {
		f.Fatal(err)
	}
}

func (z *fuzzed) call(method, path string, body []byte) (int, []byte, error) {
	req, err := http.NewRequest(method, z.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	token := z.jwt
	if strings.HasPrefix(path, "/cli") {
		token = baseToken
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return res.StatusCode, raw, err
}

// check fails the test for what the hub did not take calmly.
func (z *fuzzed) check(t *testing.T) {
	t.Helper()
	select {
	case fault := <-z.faults:
		t.Error(fault)
	default:
	}
	if n := z.hub.Panics(); n != 0 {
		t.Errorf("%d handlers panicked", n)
	}
}

type faultHandler struct {
	slog.Handler
	faults chan string
}

func (faultHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }

func (h faultHandler) Handle(_ context.Context, r slog.Record) error {
	line := "logged: " + r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	h.faults <- line
	return nil
}

func (h faultHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

type operation struct{ method, path string }

// operations are those of the contract that take something and give an answer
// that ends.
func operations(f *testing.F, session wire.SessionID) []operation {
	f.Helper()
	var spec struct {
		Paths map[string]map[string]any
	}
	if err := yaml.Unmarshal(api.Spec, &spec); err != nil {
		f.Fatal(err)
	}
	var list []operation
	for path, item := range spec.Paths {
		for method := range item {
			method = strings.ToUpper(method)
			switch method {
			case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
			default:
				continue
			}
			// What ends the session, or waits for one to come, would teach nothing.
			if path == "/api/events" || path == "/api/sessions/{id}" && method == http.MethodDelete ||
				strings.HasSuffix(path, "/archive") || strings.HasSuffix(path, "/resume") || strings.HasSuffix(path, "/reopen") || strings.HasSuffix(path, "/prune") ||
				strings.HasSuffix(path, "/handoff-local") {
				continue
			}
			list = append(list, operation{method, strings.ReplaceAll(path, "{id}", string(session))})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].path+list[i].method < list[j].path+list[j].method })
	return list
}

// FuzzRoutes sends any id, query and body to any route: the hub answers with
// something other than an internal error, and goes on.
func FuzzRoutes(f *testing.F) {
	z := newFuzzed(f)
	z.connect(f)
	list := operations(f, z.session)
	bodies := []string{
		`{}`, `{"text":"a","localId":"l","attachments":[{"id":"i","filename":"f","mimeType":"m","size":1,"path":"p"}]}`, `{"endpoint":"https://p.example","keys":{"p256dh":"a","auth":"b"}}`,
		`{"name":"n","namespace":"a","readOnly":true,"expiresAt":1e300}`, `{"filename":"a","content":"aGk=","mimeType":"text/plain"}`, `{"tag":"t","metadata":{},"agentState":null}`, `{"mode":"yolo"}`, `null`,
	}
	for n := range list {
		f.Add(uint16(n), "x", "limit=1", []byte(bodies[n%len(bodies)]))
	}
	f.Fuzz(func(t *testing.T, n uint16, id, query string, body []byte) {
		o := list[int(n)%len(list)]
		for strings.Contains(o.path, "{") {
			before, rest, _ := strings.Cut(o.path, "{")
			_, after, _ := strings.Cut(rest, "}")
			o.path = before + urlSegment(id) + after
		}
		status, raw, err := z.call(o.method, o.path+"?"+urlQuery(query), body)
		if err != nil {
			t.Fatalf("%s %s: %v", o.method, o.path, err)
		}
		if status == http.StatusInternalServerError && bytes.Contains(raw, []byte("Internal")) {
			t.Errorf("%s %s?%s with %q: %d %s", o.method, o.path, query, body, status, raw)
		}
		z.check(t)
	})
}

// urlSegment is s as one part of a path that does not lead elsewhere.
func urlSegment(s string) string {
	if strings.Trim(s, ".") == "" {
		return "x"
	}
	return url.PathEscape(s)
}

// urlQuery is s with only that escaped which a client could not send at all.
func urlQuery(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c == '#' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// FuzzEvents says any event with any payload on the sockets of processes and of
// people: no handler panics, and the connection stays.
func FuzzEvents(f *testing.F) {
	z := newFuzzed(f)
	events := []string{
		wire.EventMessage, wire.EventUpdateMetadata, wire.EventUpdateState, wire.EventSessionAlive, wire.EventSessionReady, wire.EventMessagesConsumed,
		wire.EventMessagesSteerState, wire.EventMessagesIndeterminate, wire.EventMachineAlive, wire.EventMachineUpdateMetadata, wire.EventMachineUpdateState,
		wire.EventRPCRegister, wire.EventRPCUnregister, wire.EventPing, wire.EventTerminalReady, wire.EventTerminalOutput, wire.EventTerminalExit, wire.EventTerminalError,
		wire.EventAgentOutput, wire.EventAgentReset, wire.EventTerminalCreate, wire.EventTerminalWrite, wire.EventTerminalResize, wire.EventTerminalClose,
		wire.EventAgentSubscribe, wire.EventAgentUnsubscribe, wire.EventAgentResize, wire.EventAgentInput, wire.EventSessionEnd,
	}
	process := z.socket(f, "/cli", map[string]any{"token": baseToken, "clientType": "session-scoped", "sessionId": z.session})
	browser := z.socket(f, "/terminal", map[string]any{"token": z.jwt})
	sid := string(z.session)
	seeds := []string{
		`{"sid":"` + sid + `","message":{"role":"agent","content":{}},"localId":"l"}`, `{"sid":"` + sid + `","sessionId":"` + sid + `","terminalId":"t","data":"x","cols":80,"rows":24}`,
		`{"sid":"` + sid + `","expectedVersion":1,"metadata":{},"agentState":null}`, `{"sid":"` + sid + `","time":1e18,"thinking":1,"permissionMode":[]}`, `{"method":"` + sid + `:x"}`, `{"machineId":"m","time":1,"health":{}}`, `null`,
	}
	for n := range events {
		f.Add(uint8(n), []byte(seeds[n%len(seeds)]))
	}
	f.Fuzz(func(t *testing.T, n uint8, raw []byte) {
		if !json.Valid(raw) || !utf8.Valid(raw) {
			return // the socket's parser ends the connection
		}
		for _, c := range []*socketio.Client{process, browser} {
			if err := c.Emit(events[int(n)%len(events)], json.RawMessage(raw)); err != nil {
				t.Fatalf("%s with %q: %v", events[int(n)%len(events)], raw, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := process.Call(ctx, wire.EventPing); err != nil {
			t.Errorf("%s with %q: %v", events[int(n)%len(events)], raw, err)
		}
		z.check(t)
	})
}

func (z *fuzzed) socket(f *testing.F, namespace string, hello any) *socketio.Client {
	f.Helper()
	c := socketio.NewClient(z.url, socketio.ClientOptions{Namespace: namespace, Logger: slog.New(slog.DiscardHandler), Auth: func() any { return hello }})
	connected := make(chan struct{}, 100)
	c.OnConnect(func() { connected <- struct{}{} })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Run(ctx)
	}()
	f.Cleanup(func() {
		cancel()
		<-ended
	})
	<-connected
	return c
}
