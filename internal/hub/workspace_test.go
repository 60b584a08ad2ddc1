package hub_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

// answering are the methods of a session process that answers as told and notes
// what it was asked.
type answering struct {
	mu      sync.Mutex
	answers map[string]any // by method; an error is a failure
	asked   []string
}

func (a *answering) methods(names ...string) map[string]hubclient.Method {
	methods := map[string]hubclient.Method{}
	for _, name := range names {
		methods[name] = func(_ context.Context, params json.RawMessage) (any, error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.asked = append(a.asked, name+" "+string(params))
			if err, failed := a.answers[name].(error); failed {
				return nil, err
			}
			return a.answers[name], nil
		}
	}
	return methods
}

func (a *answering) answer(name string, v any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers == nil {
		a.answers = map[string]any{}
	}
	a.answers[name] = v
}

// since is what was asked since the last call of it.
func (a *answering) since() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := a.asked
	a.asked = nil
	return asked
}

func TestWorkspaceRoutesAskTheProcess(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	var a answering
	p := h.newSession(baseToken, a.methods(wire.MethodGitStatus, wire.MethodGitDiffNumstat, wire.MethodGitDiffFile, wire.MethodReadFile, wire.MethodListDirectory), false)
	command := wire.CommandResult{Success: true, Stdout: "out\n"}
	for _, method := range []string{wire.MethodGitStatus, wire.MethodGitDiffNumstat, wire.MethodGitDiffFile} {
		a.answer(method, command)
	}
	a.answer(wire.MethodReadFile, wire.FileContent{Success: true, Content: "eA==", Size: 1, Modified: 5})
	a.answer(wire.MethodListDirectory, wire.Failed{Error: "Access denied: Path '..' is outside the working directory"})
	const printed = `{"success":true,"stdout":"out\n","stderr":"","exitCode":0}`
	tests := []struct{ route, asked, want string }{
		{"git-status", `git-status {"cwd":"/work"}`, printed},
		{"git-diff-numstat", `git-diff-numstat {"cwd":"/work"}`, printed},
		{"git-diff-numstat?staged=true", `git-diff-numstat {"cwd":"/work","staged":true}`, printed},
		{"git-diff-numstat?staged=false", `git-diff-numstat {"cwd":"/work"}`, printed},
		{"git-diff-file?path=a%2Fb.txt", `git-diff-file {"cwd":"/work","filePath":"a/b.txt"}`, printed},
		{"git-diff-file?staged=true&path=ü", `git-diff-file {"cwd":"/work","filePath":"ü","staged":true}`, printed},
		{"file?path=..%2Fx", `readFile {"path":"../x"}`, `{"success":true,"content":"eA==","size":1,"modified":5}`},
		{"directory", `listDirectory {"path":""}`, `{"success":false,"error":"Access denied: Path '..' is outside the working directory"}`},
		{"directory?path=src", `listDirectory {"path":"src"}`, ""},
	}
	for _, tt := range tests {
		status, raw := h.call(h.jwt, http.MethodGet, "/api/sessions/"+string(p.session.ID)+"/"+tt.route, nil)
		if status != 200 || tt.want != "" && string(raw) != tt.want {
			t.Errorf("%s: got %d %s", tt.route, status, raw)
		}
		if diff := cmp.Diff([]string{tt.asked}, a.since()); diff != "" {
			t.Errorf("%s: asked (-want +got):\n%s", tt.route, diff)
		}
	}
	for _, route := range []string{"file", "file?path=", "git-diff-file", "git-diff-file?staged=true"} {
		status, raw := h.call(h.jwt, http.MethodGet, "/api/sessions/"+string(p.session.ID)+"/"+route, nil)
		if status != 400 || string(raw) != `{"error":"Invalid file path"}` || len(a.since()) > 0 {
			t.Errorf("%s: got %d %s", route, status, raw)
		}
	}
}

func TestFileSearch(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	var a answering
	p := h.newSession(baseToken, a.methods(wire.MethodRipgrep, wire.MethodStatFiles), false)
	listing := "staged.txt\nbin.dat\nsrc/App.txt\r\nsrc/deep/[weird].go\n"
	size, modified := int64(7), wire.Millis(9)
	a.answer(wire.MethodRipgrep, wire.CommandResult{Success: true, Stdout: listing})
	a.answer(wire.MethodStatFiles, wire.FileStats{Success: true, Entries: []wire.FileStat{{Path: "src/App.txt", Size: &size, Modified: &modified}, {Path: "gone"}}})
	tests := []struct{ query, args, search, want string }{
		{"", `["--files"]`, `{"query":"","limit":200}`, "staged.txt bin.dat src/App.txt src/deep/[weird].go"},
		{"query=app", `["--files","--iglob","*app*"]`, `{"query":"app","limit":200}`, "src/App.txt"},
		{"query=*.TXT", `["--files"]`, `{"query":"*.TXT","limit":200}`, "staged.txt src/App.txt"},
		{"query=src/%3F%3F%3F.txt", `["--files"]`, `{"query":"src/???.txt","limit":200}`, "src/App.txt"},
		{"query=%5Bweird&limit=5", `["--files","--iglob","*\\[weird*"]`, `{"query":"[weird","limit":5}`, "src/deep/[weird].go"},
		{"query=!%7Ba%5Cb%7D", `["--files","--iglob","*\\!\\{a\\\\b\\}*"]`, `{"query":"!{a\\b}","limit":200}`, ""},
		{"limit=2", `["--files"]`, `{"query":"","limit":2}`, "staged.txt bin.dat"},
	}
	for _, tt := range tests {
		var out struct {
			Success bool
			Files   []struct {
				FileName, FilePath, FullPath, FileType string
				Size                                   *int64
				Modified                               *wire.Millis
			}
		}
		h.want(200, http.MethodGet, "/api/sessions/"+string(p.session.ID)+"/files?"+tt.query, nil, &out)
		var paths []string
		for _, f := range out.Files {
			paths = append(paths, f.FullPath)
			if f.FullPath == "src/App.txt" && (f.FileName != "App.txt" || f.FilePath != "src" || f.FileType != "file" || *f.Size != 7 || *f.Modified != 9) {
				t.Errorf("%s: got %+v", tt.query, f)
			}
			if f.FullPath == "bin.dat" && (f.FilePath != "" || f.Size != nil) {
				t.Errorf("%s: got %+v", tt.query, f)
			}
		}
		if got := strings.Join(paths, " "); got != tt.want || !out.Success {
			t.Errorf("%s: found %s, want %s", tt.query, got, tt.want)
		}
		asked := []string{fmt.Sprintf(`ripgrep {"args":%s,"cwd":"/work","fileSearch":%s}`, tt.args, tt.search)}
		if tt.want != "" {
			raw, _ := json.Marshal(wire.StatParams{Paths: paths})
			asked = append(asked, "statFiles "+string(raw))
		}
		if diff := cmp.Diff(asked, a.since()); diff != "" {
			t.Errorf("%s: asked (-want +got):\n%s", tt.query, diff)
		}
	}
	for _, limit := range []string{"0", "501", "x", ""} {
		if status, raw := h.call(h.jwt, http.MethodGet, "/api/sessions/"+string(p.session.ID)+"/files?limit="+limit, nil); status != 400 || string(raw) != `{"error":"Invalid query"}` {
			t.Errorf("limit %q: %d %s", limit, status, raw)
		}
	}
	a.answer(wire.MethodStatFiles, errors.New("no"))
	var out struct{ Files []map[string]any }
	h.want(200, http.MethodGet, "/api/sessions/"+string(p.session.ID)+"/files?query=app", nil, &out)
	if len(out.Files) != 1 || out.Files[0]["size"] != nil {
		t.Errorf("without sizes: %+v", out)
	}
	a.answer(wire.MethodRipgrep, wire.CommandResult{Error: "rg is not installed"})
	if status, raw := h.call(h.jwt, http.MethodGet, "/api/sessions/"+string(p.session.ID)+"/files", nil); status != 200 || string(raw) != `{"success":false,"error":"rg is not installed","code":"command_failed"}` {
		t.Errorf("without ripgrep: %d %s", status, raw)
	}
}

// row makes a session without a process.
func (h *testHub) row(token, metadata string) wire.SessionID {
	h.t.Helper()
	row, err := h.client(token).CreateSession(h.t.Context(), wire.CreateSession{Tag: h.t.Name() + metadata, Metadata: json.RawMessage(metadata)})
	if err != nil {
		h.t.Fatal(err)
	}
	return row.ID
}

func TestFileSearchOnWindows(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	var a answering
	p := h.newSession(baseToken, a.methods(wire.MethodRipgrep, wire.MethodStatFiles), false)
	err := p.UpdateMetadata(t.Context(), func(m map[string]json.RawMessage) { m["path"] = json.RawMessage(`"C:\\work"`) })
	if err != nil {
		t.Fatal(err)
	}
	a.answer(wire.MethodRipgrep, wire.CommandResult{Success: true, Stdout: "src\\app.txt\r\n"})
	a.answer(wire.MethodStatFiles, wire.FileStats{Success: true})
	status, raw := h.call(h.jwt, http.MethodGet, "/api/sessions/"+string(p.session.ID)+"/files?query="+url.QueryEscape(`src\app`), nil)
	if want := `{"success":true,"files":[{"fileName":"app.txt","filePath":"src","fullPath":"src/app.txt","fileType":"file"}]}`; status != 200 || string(raw) != want {
		t.Errorf("got %d %s", status, raw)
	}
	if asked := a.since()[0]; !strings.Contains(asked, `"*src/app*"`) {
		t.Errorf("asked %s", asked)
	}
}

func TestWorkspaceRoutesOfSessionsThatCannotAnswer(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	away, pathless, foreign := h.row(baseToken, `{"path":"/p","host":"h"}`), h.row(baseToken, `{"path":"","host":"h"}`), h.row(baseToken+":other", `{"path":"/p","host":"h"}`)
	type route struct{ route, method string }
	files := []route{
		{"git-status", wire.MethodGitStatus}, {"git-diff-numstat", wire.MethodGitDiffNumstat}, {"git-diff-file?path=x", wire.MethodGitDiffFile},
		{"file?path=x", wire.MethodReadFile}, {"directory", wire.MethodListDirectory}, {"files", wire.MethodRipgrep},
	}
	catalogs := []route{{"slash-commands", wire.MethodListSlashCommands}, {"skills", wire.MethodListSkills}}
	active := []string{"codex-models", "opencode-models", "cursor-models", "grok-models", "copilot-models", "pi-models", "opencode-reasoning-effort-options", "grok-reasoning-effort-options"}
	get := func(t *testing.T, id wire.SessionID, route, want string) {
		t.Helper()
		status, raw := h.call(h.jwt, http.MethodGet, "/api/sessions/"+string(id)+"/"+route, nil)
		if got := fmt.Sprintf("%d %s", status, raw); got != want {
			t.Errorf("%s: got %s, want %s", route, got, want)
		}
	}
	for _, r := range append(files, catalogs...) {
		t.Run(r.route, func(t *testing.T) {
			t.Parallel() // each waits a moment for the method to appear
			get(t, away, r.route, fmt.Sprintf(`200 {"success":false,"error":"RPC handler not registered: %s:%s","code":"rpc_target_missing"}`, away, r.method))
			get(t, foreign, r.route, `403 {"error":"Session access denied"}`)
			get(t, "nope", r.route, `404 {"error":"Session not found"}`)
		})
	}
	for _, r := range files {
		get(t, pathless, r.route, `200 {"success":false,"error":"Session path not available","code":"session_path_unavailable"}`)
	}
	for _, route := range active {
		get(t, away, route, `409 {"error":"Session is inactive","code":"session_inactive"}`)
		get(t, foreign, route, `403 {"error":"Session access denied"}`)
	}
}

func TestCatalogsOfASession(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	var a answering
	p := h.newSession(baseToken, a.methods(wire.MethodListSlashCommands, wire.MethodListSkills, wire.MethodListCodexModels, wire.MethodListGrokEfforts), false)
	id := string(p.session.ID)
	get := func(route string) string {
		t.Helper()
		status, raw := h.call(h.jwt, http.MethodGet, "/api/sessions/"+id+"/"+route, nil)
		return fmt.Sprintf("%d %s", status, raw)
	}
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}
	a.answer(wire.MethodListSlashCommands, wire.Failed{Error: "cannot look"})
	check("nothing known", get("slash-commands"), `200 {"success":false,"error":"cannot look","code":"command_failed"}`)
	check("asked", a.since()[0], `listSlashCommands {"agent":"claude"}`)
	if err := p.UpdateMetadata(t.Context(), func(m map[string]json.RawMessage) { m["slashCommands"] = json.RawMessage(`["compact","review"]`) }); err != nil {
		t.Fatal(err)
	}
	check("by what the agent said", get("slash-commands"), `200 {"success":true,"commands":[{"name":"compact","source":"builtin"},{"name":"review","source":"builtin"}]}`)
	a.answer(wire.MethodListSlashCommands, json.RawMessage(`{"success":true,"commands":[{"name":"review","source":"project","own":1}]}`))
	check("both", get("slash-commands"), `200 {"success":true,"commands":[{"name":"review","source":"project","own":1},{"name":"compact","source":"builtin"}]}`)
	a.answer(wire.MethodListSkills, wire.Skills{Success: true, Skills: []wire.Skill{{Name: "pdf"}}})
	check("skills", get("skills"), `200 {"success":true,"skills":[{"name":"pdf"}]}`)
	a.answer(wire.MethodListSkills, errors.New("no"))
	check("skills that fail", get("skills"), `200 {"success":false,"error":"no","code":"rpc_failed"}`)
	check("models of another agent", get("codex-models"), `400 {"success":false,"error":"Only Codex sessions have this","code":"wrong_flavor"}`)
	if err := p.UpdateMetadata(t.Context(), func(m map[string]json.RawMessage) { m["flavor"] = json.RawMessage(`"codex"`) }); err != nil {
		t.Fatal(err)
	}
	a.answer(wire.MethodListCodexModels, json.RawMessage(`{"success":true,"models":[{"id":"gpt-5","displayName":"GPT-5","isDefault":true}]}`))
	check("codex models", get("codex-models"), `200 {"success":true,"models":[{"id":"gpt-5","displayName":"GPT-5","isDefault":true}]}`)
	a.answer(wire.MethodListCodexModels, errors.New("codex is not there"))
	check("codex models that fail", get("codex-models"), `500 {"success":false,"error":"codex is not there","code":"rpc_failed"}`)
	if err := p.UpdateMetadata(t.Context(), func(m map[string]json.RawMessage) { m["flavor"] = json.RawMessage(`"grok"`) }); err != nil {
		t.Fatal(err)
	}
	a.answer(wire.MethodListGrokEfforts, json.RawMessage(`{"success":true,"options":[{"value":"low"}],"currentValue":null}`))
	check("grok efforts", get("grok-reasoning-effort-options"), `200 {"success":true,"options":[{"value":"low"}],"currentValue":null}`)
}

func TestGeneratedImages(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	var a answering
	p := h.newSession(baseToken, a.methods(wire.MethodReadGeneratedImage), false)
	get := func(image, ifNoneMatch string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+"/api/sessions/"+string(p.session.ID)+"/generated-images/"+image, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+h.jwt)
		if ifNoneMatch != "" {
			req.Header.Set("If-None-Match", ifNoneMatch)
		}
		res, err := h.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(raw)
	}
	image := func(name, typ, content string) map[string]any {
		return map[string]any{"success": true, "content": base64.StdEncoding.EncodeToString([]byte(content)), "mimeType": typ, "fileName": name}
	}
	for _, tt := range []struct{ name, typ, wantType, disposition string }{
		{"a b.png", "image/png", "image/png", `inline; filename="a%20b.png"`},
		{"x", "", "application/octet-stream", `inline; filename="x"`},
		{"evil\"\r\n.html", "text/html", "text/html", `attachment; filename="evil%22%0D%0A.html"`},
		{"y", "nonsense\r\nX-Evil: 1", "application/octet-stream", `inline; filename="y"`},
	} {
		a.answer(wire.MethodReadGeneratedImage, image(tt.name, tt.typ, "\x89PNG"))
		res, body := get("f1", "")
		head := res.Header
		if res.StatusCode != 200 || body != "\x89PNG" || head.Get("Content-Type") != tt.wantType || head.Get("Content-Disposition") != tt.disposition ||
			head.Get("X-Content-Type-Options") != "nosniff" || head.Get("Cache-Control") != "private, max-age=31536000, immutable" || head.Get("ETag") != `"f1"` {
			t.Errorf("%q: %d %s %q", tt.name, res.StatusCode, head, body)
		}
	}
	a.since()
	for _, tag := range []string{`"f1"`, `W/"f1"`, `"x", "f1"`, "*"} {
		if res, body := get("f1", tag); res.StatusCode != 304 || body != "" || res.Header.Get("ETag") != `"f1"` {
			t.Errorf("with %s: %d %q", tag, res.StatusCode, body)
		}
	}
	if asked := a.since(); len(asked) != 0 {
		t.Errorf("an image that the client has was asked for: %s", asked)
	}
	if res, _ := get("f1", `"f2"`); res.StatusCode != 200 {
		t.Errorf("with another tag: %d", res.StatusCode)
	}
	a.answer(wire.MethodReadGeneratedImage, wire.Failed{Error: "Generated image not found"})
	for _, id := range []string{"nope", "a%22b", "a%0Ab"} {
		if res, body := get(id, ""); res.StatusCode != 404 || body != `{"success":false,"error":"Generated image not found"}` {
			t.Errorf("%s: %d %s", id, res.StatusCode, body)
		}
	}
	a.answer(wire.MethodReadGeneratedImage, map[string]any{"success": true, "content": "not base64!"})
	if res, body := get("f1", ""); res.StatusCode != 404 || !strings.Contains(body, "rpc_bad_answer") {
		t.Errorf("an unreadable answer: %d %s", res.StatusCode, body)
	}
}
