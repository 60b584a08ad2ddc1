package modeltest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Env is the environment of a Claude process that talks to the model and never
// leaves loopback. Its home is the test's; nothing in it asks to be set up.
func (s *Server) Env(t testing.TB, home string) []string {
	t.Helper()
	config := filepath.Join(home, ".claude")
	if err := os.MkdirAll(config, 0o700); err != nil {
		t.Fatal(err)
	}
	const key = "sk-ant-test-0000000000000000000000000000000000000000"
	state, err := json.Marshal(map[string]any{
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
	const nowhere = "http://127.0.0.1:1" // a call that is not for loopback fails at once
	own := map[string]string{
		"HOME": home, "CLAUDE_CONFIG_DIR": config, "ANTHROPIC_BASE_URL": s.URL(), "ANTHROPIC_API_KEY": key,
		"DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1", "DISABLE_AUTOUPDATER": "1", "DISABLE_BUG_COMMAND": "1",
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CODE_MAX_RETRIES": "1",
		"HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "http_proxy": nowhere, "https_proxy": nowhere,
		"NO_PROXY": "localhost,127.0.0.1,::1", "no_proxy": "localhost,127.0.0.1,::1",
	}
	var env []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if _, mine := own[name]; !mine && !strings.HasPrefix(name, "CLAUDE") && !strings.HasPrefix(name, "ANTHROPIC") && !strings.HasPrefix(name, "HAPI") && name != "CLI_API_TOKEN" {
			env = append(env, pair)
		}
	}
	for name, value := range own {
		env = append(env, name+"="+value)
	}
	return env
}
