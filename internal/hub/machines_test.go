package hub_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/socketio"
	"hapi/internal/wire"
)

// runner is a machine's runner as far as the hub can tell.
type runner struct {
	*socketio.Client
	h       *testHub
	id      wire.MachineID
	methods map[string]func(params json.RawMessage) any
}

// newRunner registers a machine and connects its runner, which serves methods:
// what one returns is its answer, an error its failure.
func (h *testHub) newRunner(token string, id wire.MachineID, metadata string, methods map[string]func(json.RawMessage) any) *runner {
	h.t.Helper()
	create := wire.CreateMachine{ID: id, Metadata: json.RawMessage(metadata), RunnerState: json.RawMessage(`{"status":"running"}`)}
	if _, err := h.client(token).CreateMachine(h.t.Context(), create); err != nil {
		h.t.Fatal(err)
	}
	r := &runner{h: h, id: id, methods: methods}
	r.Client = h.connect("/cli", map[string]any{"token": token, "machineId": id}, map[string]socketio.Handler{wire.EventRPCRequest: r.serve})
	for method := range methods {
		if err := r.Emit(wire.EventRPCRegister, wire.RPCRegister{Method: string(id) + ":" + method}); err != nil {
			h.t.Fatal(err)
		}
	}
	r.beat()
	return r
}

func (r *runner) serve(args []json.RawMessage, ack socketio.Ack) {
	var in wire.RPCRequest
	if err := json.Unmarshal(args[0], &in); err != nil {
		r.h.t.Errorf("rpc-request: %v", err)
		return
	}
	_, name, _ := strings.Cut(in.Method, ":")
	answer := r.methods[name](json.RawMessage(in.Params))
	if err, failed := answer.(error); failed {
		answer = map[string]string{"error": err.Error()}
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		r.h.t.Errorf("answer of %s: %v", name, err)
	}
	ack(string(raw))
}

// beat says that the runner lives, and waits until the hub knows.
func (r *runner) beat() {
	r.h.t.Helper()
	if err := r.Emit(wire.EventMachineAlive, map[string]any{"machineId": r.id, "time": wire.Now()}); err != nil {
		r.h.t.Fatal(err)
	}
	if _, err := r.Call(r.h.t.Context(), wire.EventPing); err != nil {
		r.h.t.Fatal(err)
	}
}

func (h *testHub) machines(query string) []wire.Machine {
	h.t.Helper()
	var out struct {
		Machines []wire.Machine `json:"machines"`
	}
	h.want(http.StatusOK, http.MethodGet, "/api/machines"+query, nil, &out)
	return out.Machines
}

const machineMetadata = `{"host":"devbox","platform":"linux","happyCliVersion":"0.29.0","startedCliMtimeMs":1795485089655.9492,"own":{"kept":1}}`

func TestMachinesAreListedWhileTheirRunnerLives(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	if got := h.machines(""); len(got) != 0 {
		t.Fatalf("before any runner: %+v", got)
	}
	r := h.newRunner(baseToken, "m1", machineMetadata, nil)
	h.newRunner(baseToken+":other", "m2", machineMetadata, nil)
	if got := h.machines(""); len(got) != 1 || got[0].ID != "m1" || !got[0].Active {
		t.Fatalf("got %+v", got)
	}
	events := h.stream("all=true", "", false)
	reply, err := r.Call(t.Context(), wire.EventMachineUpdateState, map[string]any{
		"machineId": "m1", "expectedVersion": 1, "runnerState": map[string]any{"status": "shutting-down"},
	})
	if err != nil || !strings.Contains(string(reply[0]), `"success"`) {
		t.Fatalf("shutting down: %s %v", reply, err)
	}
	var said struct {
		Data wire.Machine `json:"data"`
	}
	if err := json.Unmarshal(events.next(wire.MachineUpdated), &said); err != nil || said.Data.Active {
		t.Errorf("watchers were told %+v, %v", said, err)
	}
	r.beat() // one that was on its way
	if got := h.machines(""); len(got) != 0 {
		t.Errorf("after it said that it goes: %+v", got)
	}
	if got := h.machines("?include=offline"); len(got) != 1 || got[0].Active {
		t.Errorf("with offline ones: %+v", got)
	}
	if _, err := r.Call(t.Context(), wire.EventMachineUpdateState, map[string]any{
		"machineId": "m1", "expectedVersion": 2, "runnerState": map[string]any{"status": "running"},
	}); err != nil {
		t.Fatal(err)
	}
	if got := h.machines(""); len(got) != 1 {
		t.Errorf("back again: %+v", got)
	}
}

func TestRenamedMachineKeepsWhatItsRunnerSaid(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.newRunner(baseToken, "m1", machineMetadata, nil)
	tests := []struct {
		name, body, text string
		status           int
		want             string // displayName afterwards, as JSON
	}{
		{"a name", `{"displayName":"  Desk  "}`, `"ok":true`, 200, `"Desk"`},
		{"none given", `{}`, "Invalid body: displayName is required", 400, `"Desk"`},
		{"no object", `[]`, "Invalid body: displayName is required", 400, `"Desk"`},
		{"a number", `{"displayName":5}`, "Invalid body: displayName is required", 400, `"Desk"`},
		{"65 characters", `{"displayName":"` + strings.Repeat("ü", 65) + `"}`, "displayName must be at most 64 characters", 400, `"Desk"`},
		{"64 characters", `{"displayName":"` + strings.Repeat("ü", 64) + `"}`, `"ok":true`, 200, `"` + strings.Repeat("ü", 64) + `"`},
		{"no name again", `{"displayName":" "}`, `"ok":true`, 200, ""},
	}
	for _, tt := range tests {
		status, raw := h.call(h.jwt, http.MethodPatch, "/api/machines/m1", tt.body)
		if status != tt.status || !strings.Contains(string(raw), tt.text) {
			t.Errorf("%s: got %d %s", tt.name, status, raw)
		}
		var metadata map[string]json.RawMessage
		if err := json.Unmarshal(h.machines("")[0].Metadata, &metadata); err != nil {
			t.Fatal(err)
		}
		if got := string(metadata["displayName"]); got != tt.want {
			t.Errorf("%s: the name is %s, want %s", tt.name, got, tt.want)
		}
		if string(metadata["own"]) != `{"kept":1}` || string(metadata["startedCliMtimeMs"]) != "1795485089655.9492" {
			t.Errorf("%s: the rest became %s", tt.name, metadata)
		}
	}
}

func TestSpawnAsksTheRunner(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	var asked json.RawMessage
	var answer any
	h.newRunner(baseToken, "m1", machineMetadata, map[string]func(json.RawMessage) any{
		wire.MethodSpawnSession: func(params json.RawMessage) any {
			asked = params
			return answer
		},
	})
	tests := map[string]struct {
		body   string
		answer any
		asked  string
		status int
		want   string
	}{
		"plain": {
			`{"directory":"/p","agent":"claude","permissionMode":"default"}`, wire.SpawnResult{Type: "success", SessionID: "s1"},
			`{"type":"spawn-in-directory","directory":"/p","agent":"claude","permissionMode":"default","forkSession":false}`,
			200, `{"type":"success","sessionId":"s1"}`,
		},
		"everything": {
			`{"directory":"/p","agent":"codex","model":"m","effort":"high","modelReasoningEffort":"low","yolo":true,"permissionMode":"yolo","sessionType":"worktree","worktreeName":"w","serviceTier":"fast","collaborationMode":"plan","copilotAgentMode":"fleet","startingMode":"pty","unknown":1}`,
			wire.SpawnResult{Type: "success", SessionID: "s1"},
			`{"type":"spawn-in-directory","directory":"/p","agent":"codex","model":"m","modelReasoningEffort":"low","yolo":true,"sessionType":"worktree","worktreeName":"w","effort":"high","permissionMode":"yolo","serviceTier":"fast","collaborationMode":"plan","copilotAgentMode":"interactive","startingMode":"pty","forkSession":false}`,
			200, `{"type":"success","sessionId":"s1"}`,
		},
		"refused": {
			`{"directory":"/p"}`, wire.SpawnResult{Type: "error", ErrorMessage: "no room"},
			`{"type":"spawn-in-directory","directory":"/p","agent":"claude","forkSession":false}`,
			200, `{"type":"error","message":"no room","code":"spawn_failed"}`,
		},
		"needs approval": {
			`{"directory":"/p"}`, wire.SpawnResult{Type: "requestToApproveDirectoryCreation", Directory: "/p"}, "",
			200, `{"type":"error","message":"Directory creation requires approval: /p","code":"spawn_failed"}`,
		},
		"thrown":           {`{"directory":"/p"}`, errText("Directory is required"), "", 200, `{"type":"error","message":"Directory is required","code":"rpc_failed"}`},
		"only a message":   {`{"directory":"/p"}`, map[string]string{"message": "no"}, "", 200, `{"type":"error","message":"no","code":"spawn_failed"}`},
		"nonsense":         {`{"directory":"/p"}`, []int{1}, "", 200, `{"type":"error","message":"Unexpected spawn result: [1]","code":"spawn_failed"}`},
		"no directory":     {`{"agent":"claude"}`, nil, "", 400, `{"error":"Invalid body"}`},
		"empty directory":  {`{"directory":""}`, nil, "", 400, `{"error":"Invalid body"}`},
		"unknown agent":    {`{"directory":"/p","agent":"hal"}`, nil, "", 400, `{"error":"Invalid body"}`},
		"unknown mode":     {`{"directory":"/p","permissionMode":"all"}`, nil, "", 400, `{"error":"Invalid body"}`},
		"a null":           {`{"directory":"/p","model":null}`, nil, "", 400, `{"error":"Invalid body"}`},
		"unknown tier":     {`{"directory":"/p","serviceTier":"slow"}`, nil, "", 400, `{"error":"Invalid body"}`},
		"agy on a screen":  {`{"directory":"/p","agent":"agy","startingMode":"pty"}`, nil, "", 400, `{"error":"AGY only supports remote mode"}`},
		"dsh on a screen":  {`{"directory":"/p","agent":"dsh","startingMode":"pty"}`, nil, "", 400, `{"error":"DSH only supports remote mode"}`},
		"a body that ends": {`{"directory":`, nil, "", 400, `{"error":"Invalid body"}`},
	}
	for name, tt := range tests {
		answer = tt.answer
		status, raw := h.call(h.jwt, http.MethodPost, "/api/machines/m1/spawn", tt.body)
		if status != tt.status || string(raw) != tt.want {
			t.Errorf("%s: got %d %s, want %d %s", name, status, raw, tt.status, tt.want)
		}
		if tt.asked != "" {
			if diff := cmp.Diff(tt.asked, string(asked)); diff != "" {
				t.Errorf("%s: the runner was asked (-want +got):\n%s", name, diff)
			}
		}
	}
}

type errText string

func (e errText) Error() string { return string(e) }

func TestMachineRoutesGuard(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.newRunner(baseToken, "mine", machineMetadata, nil)
	h.newRunner(baseToken+":other", "foreign", machineMetadata, nil)
	routes := []struct{ method, route string }{
		{"PATCH", ""}, {"POST", "/spawn"}, {"POST", "/list-directory"}, {"POST", "/paths/exists"}, {"POST", "/restart-runner"},
		{"GET", "/codex-models"}, {"GET", "/cursor-models"}, {"GET", "/agy-models"}, {"GET", "/pi-models"},
		{"GET", "/opencode-models?cwd=/"}, {"GET", "/grok-models?cwd=/"}, {"GET", "/copilot-models?cwd=/"},
	}
	for _, r := range routes {
		if status, raw := h.call(h.jwt, r.method, "/api/machines/nope"+r.route, nil); status != 404 || !strings.Contains(string(raw), "Machine not found") {
			t.Errorf("%s %s of no machine: %d %s", r.method, r.route, status, raw)
		}
		if status, raw := h.call(h.jwt, r.method, "/api/machines/foreign"+r.route, nil); status != 403 || string(raw) != `{"error":"Machine access denied"}` {
			t.Errorf("%s %s of a foreign machine: %d %s", r.method, r.route, status, raw)
		}
		if r.method == "GET" || r.route == "/restart-runner" {
			continue
		}
		if status, raw := h.call(h.jwt, r.method, "/api/machines/mine"+r.route, `{`); status != 400 || !strings.Contains(string(raw), "Invalid body") {
			t.Errorf("%s %s with half a body: %d %s", r.method, r.route, status, raw)
		}
	}
}

func TestBrowsingAMachine(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	asked := make(chan string, 10)
	h.newRunner(baseToken, "m1", machineMetadata, map[string]func(json.RawMessage) any{
		wire.MethodMachineDirectory: func(params json.RawMessage) any {
			asked <- string(params)
			return json.RawMessage(`{"success":true,"entries":[{"name":"p","type":"directory","size":4096,"modified":1,"isGitRepo":true}]}`)
		},
		wire.MethodPathExists: func(params json.RawMessage) any {
			asked <- string(params)
			return json.RawMessage(`{"exists":{"/a":true,"/b":false}}`)
		},
	})
	tests := []struct{ name, route, body, asked, want string }{
		{"a directory", "/list-directory", `{"path":"/home"}`, `{"path":"/home"}`, `{"success":true,"entries":[{"name":"p","type":"directory","size":4096,"modified":1,"isGitRepo":true}]}`},
		{"with hidden ones", "/list-directory", `{"path":"/home","includeHidden":true}`, `{"path":"/home","includeHidden":true}`, ""},
		{"paths", "/paths/exists", `{"paths":["/a"," /b ","/a"," "]}`, `{"paths":["/a","/b"]}`, `{"exists":{"/a":true,"/b":false}}`},
	}
	for _, tt := range tests {
		status, raw := h.call(h.jwt, http.MethodPost, "/api/machines/m1"+tt.route, tt.body)
		if status != 200 || tt.want != "" && string(raw) != tt.want {
			t.Errorf("%s: got %d %s", tt.name, status, raw)
		}
		if got := <-asked; got != tt.asked {
			t.Errorf("%s: asked %s, want %s", tt.name, got, tt.asked)
		}
	}
	if status, raw := h.call(h.jwt, http.MethodPost, "/api/machines/m1/paths/exists", `{"paths":[" "]}`); status != 200 || string(raw) != `{"exists":{}}` || len(asked) != 0 {
		t.Errorf("no paths: %d %s, asked %d times", status, raw, len(asked))
	}
	for route, body := range map[string]string{"/list-directory": `{"path":""}`, "/paths/exists": `{"paths":[1]}`} {
		if status, raw := h.call(h.jwt, http.MethodPost, "/api/machines/m1"+route, body); status != 400 || string(raw) != `{"error":"Invalid body"}` {
			t.Errorf("%s %s: %d %s", route, body, status, raw)
		}
	}
}

func TestCallsOfAMachineWithoutRunner(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.newRunner(baseToken, "m1", machineMetadata, map[string]func(json.RawMessage) any{
		wire.MethodMachinePiModels: func(json.RawMessage) any { return errText("pi is not installed") },
		wire.MethodListAgyModels:   func(json.RawMessage) any { return nil },
		wire.MethodListCursorModels: func(json.RawMessage) any {
			return json.RawMessage(`{"success":true,"availableModels":[{"modelId":"a"}],"currentModelId":null,"cliModelSkus":["x"]}`)
		},
		wire.MethodMachineGrokModels: func(params json.RawMessage) any { return map[string]any{"success": false, "error": string(params)} },
	})
	tests := []struct {
		name, method, route, body string
		status                    int
		want                      string
	}{
		{"spawn", "POST", "/spawn", `{"directory":"/p"}`, 200, `{"type":"error","message":"RPC handler not registered: m1:spawn-happy-session","code":"rpc_target_missing"}`},
		{"browse", "POST", "/list-directory", `{"path":"/"}`, 500, `{"success":false,"error":"RPC handler not registered: m1:list-directory","code":"rpc_target_missing"}`},
		{"paths", "POST", "/paths/exists", `{"paths":["/"]}`, 500, `{"success":false,"error":"RPC handler not registered: m1:path-exists","code":"rpc_target_missing"}`},
		{"codex models", "GET", "/codex-models", "", 503, `{"success":false,"error":"RPC handler not registered: m1:listCodexModels","code":"rpc_target_missing"}`},
		{"pi models, thrown", "GET", "/pi-models", "", 500, `{"success":false,"error":"pi is not installed","code":"rpc_failed"}`},
		{"agy models, nothing", "GET", "/agy-models", "", 500, `{"success":false,"error":"The answer could not be read","code":"rpc_bad_answer"}`},
		{"cursor models", "GET", "/cursor-models", "", 200, `{"success":true,"availableModels":[{"modelId":"a"}],"currentModelId":null,"cliModelSkus":["x"]}`},
		{"grok models", "GET", "/grok-models?cwd=%2Fa", "", 200, `{"error":"{\"cwd\":\"/a\"}","success":false}`},
		{"copilot models without a directory", "GET", "/copilot-models", "", 400, `{"success":false,"error":"cwd query parameter is required"}`},
		{"opencode models", "GET", "/opencode-models?cwd=/a", "", 500, `{"success":false,"error":"RPC handler not registered: m1:listOpencodeModelsForCwd","code":"rpc_target_missing"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var body any
			if tt.body != "" {
				body = tt.body
			}
			status, raw := h.call(h.jwt, tt.method, "/api/machines/m1"+tt.route, body)
			if status != tt.status || string(raw) != tt.want {
				t.Errorf("got %d %s, want %d %s", status, raw, tt.status, tt.want)
			}
		})
	}
}

func TestRestartOfARunner(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	stop := map[string]func(json.RawMessage) any{wire.MethodStopRunner: func(json.RawMessage) any {
		return map[string]string{"message": "Runner stop request acknowledged"}
	}}
	supervised := strings.Replace(machineMetadata, "{", `{"supervisedRestart":true,`, 1)
	h.newRunner(baseToken, "supervised", supervised, stop)
	h.newRunner(baseToken, "alone", machineMetadata, stop)
	h.newRunner(baseToken, "deaf", supervised, nil)
	if _, err := h.client(baseToken).CreateMachine(t.Context(), wire.CreateMachine{ID: "offline", Metadata: json.RawMessage(supervised)}); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{
		"supervised": `200 {"message":"Runner stop request acknowledged"}`,
		"alone":      `502 {"error":"This runner is not started again by itself: restart it on its machine","code":"restart_unsupported"}`,
		"deaf":       `502 {"error":"RPC handler not registered: deaf:stop-runner","code":"restart_failed"}`,
		"offline":    `503 {"error":"Machine is offline","code":"machine_offline"}`,
		"nope":       `404 {"error":"Machine not found","code":"machine_not_found"}`,
	} {
		status, raw := h.call(h.jwt, http.MethodPost, "/api/machines/"+id+"/restart-runner", nil)
		if got := fmt.Sprintf("%d %s", status, raw); got != want {
			t.Errorf("%s: got %s, want %s", id, got, want)
		}
	}
}
