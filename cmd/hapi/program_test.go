package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asHapi makes the test program be hapi itself.
const asHapi = "HAPI_TEST_IS_HAPI"

func TestMain(m *testing.M) {
	if os.Getenv(asHapi) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// machine is one with no agents, and a data directory of its own.
type machine struct {
	t    *testing.T
	home string
	env  []string
}

func newMachine(t *testing.T, env ...string) *machine {
	t.Helper()
	dir := t.TempDir()
	m := &machine{t: t, home: filepath.Join(dir, "data")}
	m.env = append([]string{asHapi + "=1", "HOME=" + dir, "HAPI_HOME=" + m.home, "PATH=" + dir, "HAPI_API_URL=http://127.0.0.1:1"}, env...)
	return m
}

// hapi runs it without a terminal.
func (m *machine) hapi(input string, args ...string) (code int, out, complaints string) {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), os.Args[0], args...)
	cmd.Env, cmd.Dir, cmd.Stdin = m.env, m.t.TempDir(), strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

func TestWhatTheProgramSaysAndHowItEnds(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for _, tt := range []struct {
		args string
		code int
		out  string // part of what it prints
		bad  string // part of what it complains about
	}{
		{"-v", 0, "hapi version: " + version, ""},
		{"claude a prompt --version", 0, "hapi version: " + version, ""},
		{"--help", 0, "ping-peer", ""},
		{"help", 0, "Available Commands", ""},
		{"help opencode", 0, "--permission-mode MODE       default, plan, yolo", ""},
		{"help connect", 0, "direct-connect", ""},
		{"help nosuch", 1, "", `no command "nosuch"`},
		{"completion bash", 0, "complete -o default", ""},
		{"completion nosh", 1, "", `no command "nosh"`},
		{"docter", 1, "", "hapi doctor"},
		{"auth", 0, "Sign this machine in", ""},
		{"auth help", 0, "Sign this machine in", ""},
		{"auth statsu", 1, "Sign this machine in", "hapi auth status"},
		{"auth status", 0, "Access token: missing", ""},
		{"auth login", 1, "", "no terminal"},
		{"auth login --url ftp://x", 1, "", "not an http or https URL"},
		{"token lsit", 1, "", "hapi token list"},
		{"token create", 1, "", "NAME"},
		{"runner", 0, "Available Commands", ""},
		{"runner stert", 0, "Available Commands", "hapi runner start"},
		{"runner stop", 0, "No runner is running", ""},
		{"runner status --json", 0, `"running": false`, ""},
		{"runner list", 1, "", "hapi runner start"},
		{"runner logs", 0, "no log", ""},
		{"runner stop-session", 1, "", "wants the ID"},
		{"runner start --workspace-root /no/such", 1, "", "does not exist"},
		{"doctor clean", 0, "nothing to clean up", ""},
		{"doctor clen", 1, "", "hapi doctor clean"},
		{"hub beckup", 1, "", "hapi hub backup"},
		{"hub --relay beckup", 1, "", "hapi hub backup"},
		{"hub --no-relay --relay --port x", 1, "", "reverse proxy with HTTPS"},
		{"hub --relay=maybe", 1, "", "invalid"},
		{"hub --nosuch", 1, "", "unknown flag"},
		{"hub --port x", 1, "", "not a number"},
		{"mcp", 2, "", "--url"},
		{"hook-forwarder", 1, "", "[hook-forwarder]"},
		{"ping-peer", 2, "", "which session"},
		{"ping-peer one hello --wait 0", 2, "", "no number of seconds"},
		{"inspect-peer", 2, "", "name one session"},
		{"inspect-peer x --limit y", 2, "", "--limit"},
		{"connect", 1, "", "direct-connect"},
		{"notify", 1, "", "direct-connect"},
		{"cursor --yolo", 1, "", "hapi acp"},
		{"resume", 1, "", "CLI_API_TOKEN"},
		{"claude", 1, "", "CLI_API_TOKEN"},
		{"--permission-mode yolo", 1, "", "Invalid --permission-mode value: yolo"},
		{"codex --service-tier slow", 1, "", "use fast or standard"},
		{"opencode --nosuch", 1, "", "does not have the option --nosuch"},
		{"opencode --prompt x", 1, "", "takes a terminal"},
		{"opencode a prompt", 1, "", `does not take "a"`},
		{"acp nosuch", 1, "", "hapi acp -- nosuch"},
		{"acp --yolo", 1, "", "which agent?"},
	} {
		code, out, bad := m.hapi("", strings.Fields(tt.args)...)
		if code != tt.code || !strings.Contains(out, tt.out) || !strings.Contains(bad, tt.bad) || tt.bad == "" && bad != "" {
			t.Errorf("hapi %s ends with %d, want %d, says\n%s\nand complains\n%s", tt.args, code, tt.code, out, bad)
		}
	}
}

func TestWhatIsAskedForLastCountsForTheRelay(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	if _, _, bad := m.hapi("", "hub", "--relay", "--no-relay", "--port", "x"); strings.Contains(bad, "relay") || !strings.Contains(bad, "not a number") {
		t.Errorf("it complains\n%s", bad)
	}
}

func TestEveryCommandHelps(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for _, cmd := range newRoot().Commands() {
		if unavailable[cmd.Name()] != "" {
			continue
		}
		code, out, bad := m.hapi("", cmd.Name(), "--help")
		if code != 0 || !strings.Contains(out, "Usage:") || bad != "" {
			t.Errorf("hapi %s --help ends with %d, says %q and complains %q", cmd.Name(), code, out, bad)
		}
	}
}

func TestATokenIsTriedKeptAndForgotten(t *testing.T) {
	t.Parallel()
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer good" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":"Invalid token"}`))
			return
		}
		_, _ = w.Write([]byte(`{"sessions":[]}`))
	}))
	t.Cleanup(hub.Close)
	m := newMachine(t)
	if code, _, bad := m.hapi("bad\n", "auth", "login", "--url", hub.URL, "--token-stdin"); code != 1 || !strings.Contains(bad, "Nothing is changed") {
		t.Errorf("a wrong token ends with %d, %q", code, bad)
	}
	if code, out, bad := m.hapi(" good\n", "auth", "login", "--url", hub.URL, "--token-stdin"); code != 0 || !strings.Contains(out, "takes the token") {
		t.Fatalf("the token ends with %d, %q, %q", code, out, bad)
	}
	if _, out, _ := m.hapi("", "auth", "status"); !strings.Contains(out, "Access token: set (settings.json)") || strings.Contains(out, "good") {
		t.Errorf("then the status is\n%s", out)
	}
	raw, err := os.ReadFile(filepath.Join(m.home, "settings.json"))
	if err != nil || !strings.Contains(string(raw), `"cliApiToken": "good"`) || !strings.Contains(string(raw), hub.URL) {
		t.Errorf("the settings are %s, %v", raw, err)
	}
	if code, _, _ := m.hapi("", "auth", "logout"); code != 0 {
		t.Errorf("logout ends with %d", code)
	}
	if _, out, _ := m.hapi("", "auth", "status"); !strings.Contains(out, "Access token: missing (none)") {
		t.Errorf("after the logout the status is\n%s", out)
	}
}

func TestTheDoctorShowsNoSecret(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "CLI_API_TOKEN=secret-of-the-environment")
	if err := os.MkdirAll(m.home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.home, "settings.json"), []byte(`{"cliApiToken":"secret-of-the-file","extraHeaders":{"X-Key":"secret-header"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, bad := m.hapi("", "doctor", "--json")
	var report []finding
	if err := json.Unmarshal([]byte(out), &report); code != 0 || err != nil || bad != "" {
		t.Fatalf("it ends with %d, %v, complains %q, and says\n%s", code, err, bad, out)
	}
	found := map[string]string{}
	for _, f := range report {
		found[f.Name] = f.Status
	}
	if strings.Contains(out, "secret-") || found["reachable"] != problem || found["state"] != note || found["Claude Code"] != note || found["CLI_API_TOKEN"] != fine {
		t.Errorf("the report is\n%s", out)
	}
}
