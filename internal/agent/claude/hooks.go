package claude

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"hapi/internal/agent/hook"
)

// observed are the events that Claude tells us of. None of our hooks decides
// anything: they print nothing, and Claude asks its person as always.
var observed = []string{"SessionStart", "UserPromptSubmit", "PermissionRequest", "Stop", "StopFailure"}

// hookSettings are Claude's settings with our hooks. What the person gave by
// --settings stays in force.
func hookSettings(self string, own map[string]any) ([]byte, error) {
	hooks, _ := own["hooks"].(map[string]any)
	merged := map[string]any{}
	for name, list := range hooks {
		merged[name] = list
	}
	command := hook.Quote(self) + " hook-forwarder --flavor claude --from-env"
	for _, name := range observed {
		list, _ := merged[name].([]any)
		merged[name] = append(list, map[string]any{"hooks": []any{map[string]any{"type": "command", "command": command, "timeout": 10}}})
	}
	settings := map[string]any{}
	for key, v := range own {
		settings[key] = v
	}
	settings["hooks"] = merged
	return json.Marshal(settings)
}

// takeSettings takes --settings out of a person's arguments and reads it: a
// file's name, or the settings themselves.
func takeSettings(args []string, dir string) (rest []string, own map[string]any, err error) {
	for i := 0; i < len(args); i++ {
		name, value, inOne := strings.Cut(args[i], "=")
		if name != "--settings" || !inOne && i+1 == len(args) {
			rest = append(rest, args[i])
			continue
		}
		if !inOne {
			i++
			value = args[i]
		}
		raw := []byte(value)
		if !strings.HasPrefix(strings.TrimSpace(value), "{") {
			if !filepath.IsAbs(value) {
				value = filepath.Join(dir, value)
			}
			if raw, err = os.ReadFile(value); err != nil {
				return nil, nil, fmt.Errorf("read the settings for claude: %w", err)
			}
		}
		own = nil
		if err := json.Unmarshal(raw, &own); err != nil {
			return nil, nil, fmt.Errorf("read the settings for claude: %w", err)
		}
	}
	return rest, own, nil
}

// writeScratch puts a file for Claude where only its user can read it.
func writeScratch(dir, name string, content []byte) (path string, err error) {
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "hapi-"+strconv.Itoa(os.Getuid()))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a directory for claude's settings: %w", err)
	}
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return "", fmt.Errorf("write claude's settings: %w", err)
	}
	return path, nil
}
