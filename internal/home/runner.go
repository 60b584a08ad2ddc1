package home

import (
	"encoding/json"
	"strings"
)

// StartsRunner says whether a session of Claude starts a runner for its machine
// where none is running: unless HAPI_RUNNER_AUTOSTART or the settings say no.
func (h *Home) StartsRunner() (bool, error) {
	if text, ok := h.env("HAPI_RUNNER_AUTOSTART"); ok && text != "" {
		switch strings.ToLower(text) {
		case "0", "false", "off", "no":
			return false, nil
		default:
			return true, nil
		}
	}
	s, err := h.read()
	if err != nil {
		return false, err
	}
	yes := true
	_ = json.Unmarshal(s["runnerAutoStartWhenRunningHappy"], &yes) // another type counts as absent
	return yes, nil
}
