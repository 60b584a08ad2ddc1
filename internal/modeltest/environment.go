package modeltest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Env is the environment of an agent that talks to the model and never leaves
// loopback. Its home is the test's; nothing in it asks to be set up, and its
// person trusts the directories.
func (s *Server) Env(t testing.TB, home string, trusted ...string) []string {
	t.Helper()
	config := filepath.Join(home, ".claude")
	if err := os.MkdirAll(config, 0o700); err != nil {
		t.Fatal(err)
	}
	const key = "sk-ant-test-0000000000000000000000000000000000000000"
	projects := map[string]any{}
	for _, dir := range trusted {
		projects[dir] = map[string]any{"hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true}
	}
	state, err := json.Marshal(map[string]any{
		"projects": projects, "theme": "dark",
		"hasCompletedOnboarding": true, "bypassPermissionsModeAccepted": true, "numStartups": 1,
		"customApiKeyResponses": map[string]any{"approved": []string{key[len(key)-20:]}, "rejected": []string{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(config, ".claude.json"), filepath.Join(home, ".claude.json")} {
		if err := os.WriteFile(path, state, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	codex := s.codexHome(t, home)
	opencode := s.opencodeConfig(t, home)
	s.geminiSettings(t, home)
	const nowhere = "http://127.0.0.1:1" // a call that is not for loopback fails at once
	own := map[string]string{
		"HOME": home, "CODEX_HOME": codex, "CLAUDE_CONFIG_DIR": config, "ANTHROPIC_BASE_URL": s.URL(), "ANTHROPIC_API_KEY": key,
		"DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1", "DISABLE_AUTOUPDATER": "1", "DISABLE_BUG_COMMAND": "1",
		"OPENCODE_CONFIG": opencode, "OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
		"GEMINI_API_KEY": "test-0000000000000000000000000000000000", "GOOGLE_GEMINI_BASE_URL": s.URL(), "GEMINI_CLI_NO_RELAUNCH": "true",
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CODE_MAX_RETRIES": "1",
		"HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "http_proxy": nowhere, "https_proxy": nowhere,
		"NO_PROXY": "localhost,127.0.0.1,::1", "no_proxy": "localhost,127.0.0.1,::1",
	}
	var env []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		foreign := slices.ContainsFunc([]string{"CLAUDE", "ANTHROPIC", "CODEX", "OPENAI", "OPENCODE", "GEMINI", "GOOGLE", "XDG_", "HAPI"}, func(p string) bool { return strings.HasPrefix(name, p) })
		if _, mine := own[name]; !mine && !foreign && name != "CLI_API_TOKEN" {
			env = append(env, pair)
		}
	}
	for name, value := range own {
		env = append(env, name+"="+value)
	}
	return env
}

// CodexModel is the model that Codex uses by default in Env.
const CodexModel = "scripted"

// codexHome makes a CODEX_HOME whose only provider is the model.
func (s *Server) codexHome(t testing.TB, home string) string {
	t.Helper()
	dir := filepath.Join(home, ".codex")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`model = %q
model_provider = "double"
check_for_update_on_startup = false

[model_providers.double]
name = "double"
base_url = %q
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0

[analytics]
enabled = false
`, CodexModel, s.URL()+"/v1")
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The models that OpenCode has in Env, the first by default.
const (
	OpencodeModel      = "double/scripted"
	OtherOpencodeModel = "double/other"
)

// opencodeConfig makes a configuration whose only provider is the model, and
// which asks before it acts.
func (s *Server) opencodeConfig(t testing.TB, home string) string {
	t.Helper()
	config, err := json.Marshal(map[string]any{
		"model": OpencodeModel, "small_model": OpencodeModel, "autoupdate": false, "share": "disabled", "enabled_providers": []string{"double"},
		"permission": map[string]string{"bash": "ask", "edit": "ask"},
		"provider": map[string]any{"double": map[string]any{
			"npm": "@ai-sdk/openai-compatible", "name": "Double", "options": map[string]string{"baseURL": s.URL() + "/v1", "apiKey": "test"},
			"models": map[string]any{"scripted": map[string]any{"name": "Scripted", "reasoning": true}, "other": map[string]any{"name": "Other"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(home, "opencode.json")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// geminiSettings make Gemini CLI use its key and keep to itself.
func (s *Server) geminiSettings(t testing.TB, home string) {
	t.Helper()
	settings, err := json.Marshal(map[string]any{
		"security": map[string]any{"auth": map[string]any{"selectedType": "gemini-api-key"}, "folderTrust": map[string]any{"enabled": false}},
		"general":  map[string]any{"disableAutoUpdate": true, "disableUpdateNag": true, "enableAutoUpdate": false},
		"privacy":  map[string]any{"usageStatisticsEnabled": false}, "telemetry": map[string]any{"enabled": false},
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, ".gemini")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), settings, 0o600); err != nil {
		t.Fatal(err)
	}
}
