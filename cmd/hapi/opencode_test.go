package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/session"
	"hapi/internal/wire"
)

func TestTheCommandLineOfOpencode(t *testing.T) {
	t.Parallel()
	o, err := parseOpencode([]string{"-s", "ses_1", "--fork", "-m", "a/b", "--agent=review", "--prompt", "Begin here", "--pure", "--auto", "--effort", "high", "--hapi-starting-mode", "local", "--existing-session-id", "id"})
	if err != nil {
		t.Fatal(err)
	}
	if o.resume != "ses_1" || !o.fork || o.latest || o.config.Model != "a/b" || o.config.Effort != "high" || o.config.PermissionMode != wire.ModeYolo || o.begin != session.Local || o.existing != "id" {
		t.Errorf("parsed %+v", o)
	}
	if want := []string{"--agent", "review", "--prompt", "Begin here", "--pure"}; !cmp.Equal(o.own, want) {
		t.Errorf("OpenCode gets %q, want %q", o.own, want)
	}
	if o, err = parseOpencode([]string{"-c", "--permission-mode", "plan", "--yolo"}); err != nil || !o.latest || o.config.PermissionMode != wire.ModePlan {
		t.Errorf("parsed %+v, %v", o, err)
	}
	for bad, why := range map[string]string{
		"--fork": "--session ID or --continue", "--port 1": "sets --port", "--mini": "cannot be followed", "src": "--prompt", "--nosuch": "does not have", "--prompt": "Missing", "-m": "Missing",
		"--hapi-starting-mode pty": "local or remote", "--permission-mode ask": "Invalid",
	} {
		if _, err := parseOpencode(strings.Fields(bad)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", bad, err, why)
		}
	}
}
