package terminals

import (
	"runtime"
	"slices"
	"strings"
)

// secrets are variables that a shell does not get: it shows them to whoever may
// use the session.
var secrets = []string{
	"CLI_API_TOKEN", "HAPI_API_URL", "HAPI_HTTP_MCP_URL", "TELEGRAM_BOT_TOKEN", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY",
}

// environment is the environment of a shell.
func environment(env []string) []string {
	defaults := map[string]string{"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
	if runtime.GOOS == "darwin" {
		defaults["LANG"] = "en_US.UTF-8"
	}
	var out []string
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		if value == "" || secret(name) || name == "TERM" || name == "COLORTERM" {
			continue
		}
		if name == "LANG" {
			delete(defaults, name)
		}
		out = append(out, pair)
	}
	for name, value := range defaults {
		out = append(out, name+"="+value)
	}
	slices.Sort(out)
	return out
}

func secret(name string) bool {
	name = strings.ToUpper(name)
	return slices.Contains(secrets, name) || strings.HasPrefix(name, "HAPI_") && name != "HAPI_HOME" ||
		strings.HasSuffix(name, "_TOKEN") || strings.HasSuffix(name, "_API_KEY") || strings.HasSuffix(name, "_SECRET")
}
