package main

import (
	"slices"
	"strings"
	"testing"

	"hapi/internal/wire"
)

func TestCodexsCommandLine(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]struct {
		mode   wire.PermissionMode
		effort string
		resume string
		rest   string
	}{
		"--permission-mode read-only --yolo":               {mode: wire.ModeReadOnly, rest: "--yolo"},
		"--yolo --permission-mode safe-yolo":               {mode: wire.ModeSafeYolo, rest: "--yolo"},
		"--dangerously-bypass-approvals-and-sandbox":       {mode: wire.ModeYolo, rest: "--dangerously-bypass-approvals-and-sandbox"},
		"resume T1 --model-reasoning-effort Sky-High -s x": {effort: "sky-high", resume: "T1", rest: "-s x"},
		"-a untrusted --ask-for-approval=never":            {rest: "-a untrusted --ask-for-approval=never"},
		"--search -- --permission-mode x":                  {rest: "--search --permission-mode x"},
	} {
		o, err := parseCodex(strings.Fields(line))
		if err != nil || o.config.PermissionMode != want.mode || o.config.Effort != want.effort || o.resume != want.resume || !slices.Equal(o.rest, strings.Fields(want.rest)) {
			t.Errorf("%q is %+v, %v", line, o, err)
		}
	}
	for line, want := range map[string]string{
		"-a on-failure": "use on-request", "--ask-for-approval=on-failure": "use on-request",
		"--permission-mode plan": "--permission-mode", "--service-tier slow": "--service-tier", "--model": "--model",
	} {
		if _, err := parseCodex(strings.Fields(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %v, want %q", line, err, want)
		}
	}
}
